//! What an administrator asks of an S3 server: a client of the plane never does.

use std::net::SocketAddr;

use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};

use crate::http::{Answer, Request};

/// Sends a signed `PUT`.
pub(crate) fn put(server: SocketAddr, keys: &[String; 2], path_and_query: &str, body: &str) -> Answer {
    let [id, secret] = keys.clone();
    let credential = AwsCredential {
        key_id: id,
        secret_key: secret,
        token: None,
    };
    let mut signed = HttpRequest::new(HttpRequestBody::from(body.to_owned()));
    *signed.method_mut() = http::Method::PUT;
    let uri = format!("http://{server}{path_and_query}").parse();
    *signed.uri_mut() = uri.expect("it is a good path");
    let signer = AwsAuthorizer::new(&credential, "s3", "us-east-1");
    signer.try_authorize(&mut signed, None).expect("it can be signed");
    let mut request = Request::with_body("PUT", path_and_query, body).bare();
    for (name, value) in signed.headers().iter().filter(|(name, _)| *name != "host") {
        request = request.header(name.as_str(), value.to_str().expect("it is text"));
    }
    request.send(server).expect("the server answers")
}
