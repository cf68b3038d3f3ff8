//! Azure Blob Storage: where it is, and who asks.

use std::sync::Arc;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::guard::Guard;
use super::service::Connector;
use super::{Opened, no_retries, set};
use crate::location::BucketLocation;
use crate::{BucketSettings, Error, ErrorKind};

/// A client of a container at Azure. The account is `AZURE_STORAGE_ACCOUNT_NAME`; keys come from
/// `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_TOKEN`, a service principal (`AZURE_CLIENT_ID`, `AZURE_TENANT_ID`,
/// `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE`), or the machine's identity. With
/// `AZURE_STORAGE_USE_EMULATOR=true` it is Azurite at the process's `AZURITE_BLOB_STORAGE_URL`.
pub(super) fn open(
    location: &BucketLocation,
    settings: &BucketSettings,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Opened, Error> {
    let is_emulated = set(environment, "AZURE_STORAGE_USE_EMULATOR")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let builder = || {
        let mut builder = MicrosoftAzureBuilder::new()
            .with_container_name(location.bucket())
            .with_retry(no_retries())
            .with_disable_tagging(true);
        for name in VARIABLES {
            let key = name.to_ascii_lowercase().parse::<AzureConfigKey>();
            if let (Ok(key), Some(value)) = (key, set(environment, name)) {
                builder = builder.with_config(key, value);
            }
        }
        match location.endpoint() {
            Some(endpoint) => builder.with_endpoint(endpoint.as_str().to_owned()),
            None => builder,
        }
    };
    let refuse = |message: &str| Error::new(ErrorKind::Denied, location.to_string(), message);
    let failed = |error: object_store::Error| {
        refuse("these settings cannot be used: look at the AZURE_* variables, of which AZURE_STORAGE_ACCOUNT_NAME names the account")
            .with_source(error)
    };
    let is_loopback = location.endpoint().is_none_or(|endpoint| endpoint.is_loopback());
    let is_plain = is_emulated || location.endpoint().is_some_and(|e| e.is_plain_http());
    if is_plain && !is_loopback {
        return Err(refuse("HTTP without TLS is for this machine only: use https"));
    }
    let connector = Connector::new(settings, is_emulated)?;
    let keys = builder().with_http_connector(connector).build().map_err(failed)?;
    let told =
        "there are no credentials: look at the AZURE_* variables and the machine's identity".to_owned();
    let guard = Guard::new(Arc::clone(keys.credentials()), told);
    let objects = builder()
        .with_credentials(Arc::new(guard))
        .with_http_connector(Connector::new(settings, is_plain)?)
        .build()
        .map_err(failed)?;
    let account = set(environment, "AZURE_STORAGE_ACCOUNT_NAME");
    let server = match (location.endpoint(), account) {
        (Some(endpoint), _) => format!("at {endpoint}"),
        (None, _) if is_emulated => "at Azurite".to_owned(),
        (None, account) => format!("of {}", account.unwrap_or_default()),
    };
    Ok(Opened {
        objects: Arc::new(objects),
        server,
        #[cfg(feature = "s3")]
        inquirer: None,
    })
}

const VARIABLES: &[&str] = &[
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_USE_EMULATOR",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_MSI_ENDPOINT",
    "AZURE_OBJECT_ID",
    "AZURE_MSI_RESOURCE_ID",
    "AZURE_USE_AZURE_CLI",
];
