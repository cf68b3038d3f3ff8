//! What a bucket does to its objects by itself: lifecycle rules and versioning.

use std::fmt;
use std::time::Duration;

use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};

use crate::bucket::policies::{BucketPolicies, Lifecycle, LifecycleRule, Versioning};
use crate::bucket::trace::{Answer, Fate, Trace};
use crate::bucket::{BucketStore, xml};
use crate::{Error, Operation};

/// Asks a bucket about itself.
pub(in crate::bucket) struct Inquirer {
    pub(super) client: HttpClient,
    pub(super) credentials: AwsCredentialProvider,
    pub(super) region: String,
    /// Of the bucket: `https://s3.eu-west-1.amazonaws.com/lab`.
    pub(super) address: String,
}

impl Inquirer {
    /// Sends a signed `GET ?subject`.
    async fn ask(&self, subject: &str) -> object_store::Result<()> {
        let generic = |error: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
            store: "S3",
            source: error,
        };
        let credential = self.credentials.get_credential().await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = format!("{}?{subject}=", self.address)
            .parse()
            .map_err(|error: http::uri::InvalidUri| generic(error.into()))?;
        AwsAuthorizer::new(&credential, "s3", &self.region).try_authorize(&mut request, None)?;
        let answer = self.client.execute(request).await;
        answer.map_err(|error| generic(error.into())).map(|_| ())
    }
}

impl fmt::Debug for Inquirer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquirer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Both questions.
pub(in crate::bucket) async fn ask(
    store: &BucketStore,
    inquirer: &Inquirer,
    within: Duration,
) -> Result<BucketPolicies, Error> {
    let lifecycle = match answer(store, inquirer, "lifecycle", within).await? {
        Answer { body: Some(body), .. } => match rules(&body, &store.prefix) {
            Some(rules) => Lifecycle::Rules(rules),
            None => Lifecycle::Unknown("the server's answer is no list of rules".to_owned()),
        },
        Answer { code: Some(code), .. } if code == "NoSuchLifecycleConfiguration" => {
            Lifecycle::Rules(Vec::new())
        }
        answer => Lifecycle::Unknown(unknown(&answer, "s3:GetLifecycleConfiguration")),
    };
    let versioning = match answer(store, inquirer, "versioning", within).await? {
        Answer { body: Some(body), .. } => versioning(&body),
        answer => Versioning::Unknown(unknown(&answer, "s3:GetBucketVersioning")),
    };
    Ok(BucketPolicies {
        versioning,
        lifecycle,
    })
}

async fn answer(
    store: &BucketStore,
    inquirer: &Inquirer,
    subject: &str,
    within: Duration,
) -> Result<Answer, Error> {
    let trace = Trace::new(true);
    let asked = store
        .call((Operation::Get, ""), within, &trace, inquirer.ask(subject))
        .await;
    match (trace.fate(), asked) {
        (Fate::Answered(answer), _) => Ok(answer),
        (_, Err(failed)) => Err(failed.into_error(&store.explain, "")),
        (_, Ok(())) => Ok(Answer::default()),
    }
}

fn unknown(answer: &Answer, permission: &str) -> String {
    let code = answer.code.as_deref().unwrap_or_default();
    match answer.status {
        401 | 403 => format!(
            "these credentials may not ask ({} {code}): allow {permission}",
            answer.status
        ),
        status => format!("the server does not say ({status} {code})"),
    }
}

fn versioning(body: &[u8]) -> Versioning {
    let (mut status, mut is_known) = (String::new(), false);
    let read = xml::walk(body, |path, text| match path {
        ["VersioningConfiguration", "Status"] => text.trim().clone_into(&mut status),
        ["VersioningConfiguration"] => is_known = true,
        _ => {}
    });
    match (read.is_some() && is_known, &*status) {
        (true, "Enabled") => Versioning::On,
        (true, "Suspended") => Versioning::Suspended,
        (true, "") => Versioning::Off,
        _ => Versioning::Unknown("the server's answer is none about versioning".to_owned()),
    }
}

/// The rules of a bucket, of which none is known to be left out; `ours` is `""` or ends with `/`.
fn rules(body: &[u8], ours: &str) -> Option<Vec<LifecycleRule>> {
    #[derive(Default)]
    struct Draft {
        id: String,
        prefix: String,
        is_enabled: bool,
        has_tag: bool,
        actions: Vec<String>,
    }
    let (mut rules, mut draft, mut is_known) = (Vec::new(), Draft::default(), false);
    // Parts of an action come before its end.
    let mut parts = Vec::new();
    xml::walk(body, |path, text| {
        let ["LifecycleConfiguration", rest @ ..] = path else {
            return;
        };
        match rest {
            [] => is_known = true,
            ["Rule"] => {
                let Draft {
                    id,
                    prefix,
                    is_enabled,
                    has_tag,
                    actions,
                } = std::mem::take(&mut draft);
                // The plane's objects have no tags, so that a rule about a tag is none about them.
                let meets = prefix.starts_with(ours) || ours.starts_with(&prefix);
                rules.push(LifecycleRule {
                    touches_ours: is_enabled && !has_tag && meets && !actions.is_empty(),
                    id,
                    prefix,
                    is_enabled,
                    actions,
                });
            }
            ["Rule", "ID"] => draft.id = shorten(text),
            ["Rule", "Prefix"] | ["Rule", "Filter", "Prefix"] | ["Rule", "Filter", "And", "Prefix"] => {
                text.clone_into(&mut draft.prefix)
            }
            ["Rule", "Status"] => draft.is_enabled = text.trim() == "Enabled",
            ["Rule", "Filter", "Tag"] | ["Rule", "Filter", "And", "Tag"] => draft.has_tag = true,
            [
                "Rule",
                action @ ("Expiration"
                | "Transition"
                | "NoncurrentVersionExpiration"
                | "NoncurrentVersionTransition"),
            ] => {
                let told = std::mem::take(&mut parts);
                draft.actions.push(format!("{action}({})", told.join(", ")));
            }
            [
                "Rule",
                "Expiration" | "Transition" | "NoncurrentVersionExpiration" | "NoncurrentVersionTransition",
                part,
            ] => {
                parts.push(format!("{part} {}", shorten(text)));
            }
            _ => {}
        }
    })?;
    is_known.then_some(rules)
}

/// What is told of a bucket's settings by any answer.
#[cfg(feature = "fuzz")]
pub(in crate::bucket) fn read(body: &[u8]) -> Vec<String> {
    let rules = rules(body, "planes/").unwrap_or_default();
    let told = rules
        .into_iter()
        .flat_map(|rule| rule.actions.into_iter().chain([rule.id]));
    told.chain([format!("{:?}", versioning(body))]).collect()
}

fn shorten(text: &str) -> String {
    text.trim()
        .chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_could_touch_our_prefix_are_told_from_the_others() {
        let body = br"<LifecycleConfiguration>
            <Rule><ID>all</ID><Filter/><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>
            <Rule><ID>above</ID><Filter><Prefix>planes/</Prefix></Filter><Status>Enabled</Status>
              <Transition><Days>5</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>
            <Rule><ID>within</ID><Prefix>planes/a/parts/</Prefix><Status>Enabled</Status><Expiration><Date>2030-01-01</Date></Expiration></Rule>
            <Rule><ID>beside</ID><Filter><Prefix>planes/ab/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>
            <Rule><ID>off</ID><Filter/><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>
            <Rule><ID>tagged</ID><Filter><And><Prefix>planes/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>
              <Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>
            <Rule><ID>uploads</ID><Filter/><Status>Enabled</Status>
              <AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>
            <Rule><ID>old</ID><Filter/><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>
            </LifecycleConfiguration>";
        let rules = rules(body, "planes/a/").unwrap();
        let touching: Vec<&str> = rules
            .iter()
            .filter(|r| r.touches_ours)
            .map(|r| r.id.as_str())
            .collect();
        assert_eq!(touching, ["all", "above", "within", "old"]);
        assert_eq!(rules[0].actions, ["Expiration(Days 30)"]);
        assert_eq!(rules[1].actions, ["Transition(Days 5, StorageClass GLACIER)"]);
        let removing: Vec<&str> = rules
            .iter()
            .filter(|r| r.harms_ours())
            .map(|r| r.id.as_str())
            .collect();
        assert_eq!(removing, ["all", "above", "within"]);
        assert_eq!(rules.len(), 8);
    }

    #[test]
    fn what_is_no_list_of_rules_is_not_taken_for_an_empty_one() {
        assert_eq!(rules(b"<html></html>", ""), None);
        assert_eq!(rules(b"<LifecycleConfiguration><Rule>", ""), None);
        assert_eq!(rules(b"<LifecycleConfiguration/>", ""), Some(Vec::new()));
    }

    #[test]
    fn versioning_is_on_off_suspended_or_not_known() {
        let of = |status: &str| {
            versioning(format!("<VersioningConfiguration>{status}</VersioningConfiguration>").as_bytes())
        };
        assert_eq!(of(""), Versioning::Off);
        assert_eq!(of("<Status>Enabled</Status>"), Versioning::On);
        assert_eq!(of("<Status>Suspended</Status>"), Versioning::Suspended);
        assert!(matches!(of("<Status>Perhaps</Status>"), Versioning::Unknown(_)));
        assert!(matches!(versioning(b"<html/>"), Versioning::Unknown(_)));
    }
}
