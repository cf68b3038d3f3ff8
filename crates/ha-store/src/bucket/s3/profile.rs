//! AWS's shared files, `~/.aws/credentials` and `~/.aws/config`: the profile of one name.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use object_store::aws::AwsCredential;

/// Where a profile is looked for.
#[derive(Clone, Debug)]
pub(super) struct ProfileFiles {
    /// The profile's name.
    pub(super) name: String,
    /// Whether somebody asked for it by its name.
    pub(super) is_named: bool,
    credentials: Option<PathBuf>,
    config: Option<PathBuf>,
}

/// What a profile says, as far as it matters here. Holds secrets.
#[derive(Default, Eq, PartialEq)]
pub(super) struct Profile {
    pub(super) key_id: Option<String>,
    pub(super) secret_key: Option<String>,
    pub(super) token: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint_url: Option<String>,
    /// A way to keys that the profile names and that is not known here.
    pub(super) foreign: Option<String>,
}

impl ProfileFiles {
    /// By `AWS_PROFILE`, `AWS_SHARED_CREDENTIALS_FILE`, `AWS_CONFIG_FILE` and `HOME`.
    pub(super) fn of(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let named = variable("AWS_PROFILE");
        let home = variable("HOME").map(PathBuf::from);
        let at = |name: &str, file: &str| {
            let default = || home.as_ref().map(|home| home.join(".aws").join(file));
            variable(name).map(PathBuf::from).or_else(default)
        };
        Self {
            is_named: named.is_some(),
            name: named.unwrap_or_else(|| "default".to_owned()),
            credentials: at("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config: at("AWS_CONFIG_FILE", "config"),
        }
    }

    /// Reads the profile anew; `None` if neither file has it. Waits for the disk.
    ///
    /// # Errors
    ///
    /// If a file that is there cannot be read; the message names it.
    pub(super) fn read(&self) -> Result<Option<Profile>, String> {
        let mut profile = Profile::default();
        let in_config = match &*self.name {
            "default" => vec!["default".to_owned(), "profile default".to_owned()],
            name => vec![format!("profile {name}")],
        };
        let is_there = [
            (&self.config, in_config),
            (&self.credentials, vec![self.name.clone()]),
        ]
        .into_iter()
        .map(|(path, sections)| match path {
            None => Ok(false),
            Some(path) => profile.take(path, &sections),
        })
        .collect::<Result<Vec<bool>, String>>()?;
        Ok(is_there.contains(&true).then_some(profile))
    }
}

impl fmt::Display for ProfileFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<String> = [&self.credentials, &self.config]
            .into_iter()
            .flatten()
            .map(|p| format!("`{}`", p.display()))
            .collect();
        let files = if files.is_empty() {
            "no file, since HOME is not set".to_owned()
        } else {
            files.join(" or ")
        };
        write!(f, "profile `{}` in {files}", self.name.escape_debug())
    }
}

impl Profile {
    /// The keys, if both are there.
    pub(super) fn credential(&self) -> Option<AwsCredential> {
        Some(AwsCredential {
            key_id: self.key_id.clone()?,
            secret_key: self.secret_key.clone()?,
            token: self.token.clone(),
        })
    }

    /// Takes what a file says in sections of these names. Says whether there is one.
    fn take(&mut self, path: &Path, sections: &[String]) -> Result<bool, String> {
        let text = match read_start(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                return Err(format!(
                    "`{}` cannot be read ({error}): give this process's user access to it",
                    path.display()
                ));
            }
        };
        let (mut is_ours, mut is_there) = (false, false);
        for line in text.lines() {
            // What is indented belongs to a setting with parts, none of which matters here.
            if line.starts_with([' ', '\t', '#', ';']) {
                continue;
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix('[') {
                let name = rest.split(']').next().unwrap_or_default();
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                is_ours = sections.contains(&name);
                is_there |= is_ours;
            } else if let Some((key, value)) = line.split_once('=').filter(|_| is_ours) {
                self.set(key.trim_end(), value.trim());
            }
        }
        Ok(is_there)
    }

    fn set(&mut self, key: &str, value: &str) {
        let place = match key {
            "aws_access_key_id" => &mut self.key_id,
            "aws_secret_access_key" => &mut self.secret_key,
            "aws_session_token" => &mut self.token,
            "region" => &mut self.region,
            "endpoint_url" => &mut self.endpoint_url,
            key if FOREIGN.contains(&key) => {
                self.foreign = Some(key.to_owned());
                return;
            }
            _ => return,
        };
        *place = Some(value.to_owned()).filter(|value| !value.is_empty());
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("key_id", &self.key_id)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Such a file has a few kilobytes.
fn read_start(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(1 << 20).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

const FOREIGN: &[&str] = &[
    "credential_process",
    "credential_source",
    "role_arn",
    "source_profile",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];
