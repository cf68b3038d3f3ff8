//! Azure says the same in other words, some of them in a header.

use super::server::{Act, Server, answer_with};
use super::{WITHIN, key};
use crate::ErrorKind::{self, Denied, Exists, NotFound, OutcomeUnknown, Unavailable};
use crate::{BucketSettings, BucketStore, Endpoint, Location, Store};

fn client(server: &Server) -> BucketStore {
    let environment = |name: &str| match name {
        "AZURE_STORAGE_ACCOUNT_NAME" => Some("account".to_owned()),
        "AZURE_STORAGE_ACCOUNT_KEY" => Some("c2VjcmV0".to_owned()),
        _ => None,
    };
    let Ok(Location::Bucket(location)) = Location::parse("az://lab/p") else {
        panic!("it is a container")
    };
    let location = location.with_endpoint(Endpoint::parse(&server.endpoint).unwrap());
    BucketStore::open(&location, &BucketSettings::default(), &environment).unwrap()
}

fn told(status: u16, code: &str) -> Act {
    answer_with(status, &format!("x-ms-error-code: {code}\r\n"), "")
}

#[tokio::test]
async fn each_code_has_its_meaning() {
    for (status, code, for_create, for_get) in [
        (409, "BlobAlreadyExists", Exists, Unavailable),
        (412, "ConditionNotMet", Exists, Unavailable),
        (409, "ContainerBeingDeleted", Unavailable, Unavailable),
        (404, "ContainerNotFound", Denied, Denied),
        (404, "BlobNotFound", Denied, NotFound),
        (404, "ResourceNotFound", Denied, Unavailable),
        (403, "AuthenticationFailed", Denied, Denied),
        (503, "ServerBusy", OutcomeUnknown, Unavailable),
        (500, "OperationTimedOut", OutcomeUnknown, Unavailable),
    ] {
        let server = Server::start([told(status, code)]).await;
        let store = client(&server);
        let create = store.create(&key(), "x".into(), WITHIN).await.unwrap_err();
        let get = store.get(&key(), WITHIN).await.unwrap_err();
        let kinds: [ErrorKind; 2] = [create.kind(), get.kind()];
        assert_eq!(kinds, [for_create, for_get], "{code}: {create}; {get}");
        assert!(!format!("{store:?} {create}").contains("c2VjcmV0"));
        assert_eq!(server.seen().len(), 2, "{code}: nothing is sent twice");
    }
}
