//! The names in a folder of a bucket.

use std::time::Duration;

use object_store::list::PaginatedListOptions;
use tokio::time::Instant;
use tracing::debug;

use super::explain::Limit;
use super::trace::{Answer, Fate, Trace};
use super::{BucketStore, xml};
use crate::key::is_part;
use crate::{Error, ErrorKind, Folder, Operation};

impl BucketStore {
    /// The names in a folder, those of sub-folders with a `/` at the end. What cannot be ours is left out.
    pub(super) async fn names(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        let prefix = match folder.as_str() {
            "" => self.prefix.clone(),
            folder => format!("{}{folder}/", self.prefix),
        };
        let (begun, limit) = (Instant::now(), self.limit(within));
        let (mut names, mut seen, mut next) = (Vec::new(), 0, None);
        loop {
            let left = limit.whole.saturating_sub(begun.elapsed());
            let page = self.page(folder, &prefix, next, limit, left).await?;
            seen += page.names.len();
            if seen > self.settings.list_names_max {
                return Err(self.explain.error(
                    ErrorKind::Denied,
                    folder.as_str(),
                    format!(
                        "more than {} names lie in this folder: it is not only ours; move the others away, or use another prefix",
                        self.settings.list_names_max
                    ),
                ));
            }
            names.extend(page.names.into_iter().filter_map(|name| ours(&prefix, &name)));
            next = page.next;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// One page, read from the answer itself: `object_store` gives up a whole page for one foreign name that it cannot
    /// write as a path.
    async fn page(
        &self,
        folder: &Folder,
        prefix: &str,
        token: Option<String>,
        limit: Limit,
        left: Duration,
    ) -> Result<xml::Page, Error> {
        let options = PaginatedListOptions {
            delimiter: Some("/".into()),
            page_token: token,
            ..PaginatedListOptions::default()
        };
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let trace = Trace::new(true);
        let listed = self
            .request(
                (Operation::List, folder.as_str()),
                limit,
                left,
                &trace,
                self.objects.list_paginated(prefix, options),
            )
            .await;
        if let Fate::Answered(Answer { body: Some(body), .. }) = trace.fate()
            && let Some(page) = xml::page(&body)
        {
            return Ok(page);
        }
        Err(match listed {
            Err(failed) => failed.into_error(&self.explain, folder.as_str()),
            Ok(_) => self.explain.error(
                ErrorKind::Unavailable,
                folder.as_str(),
                "the answer to list is no whole listing: look what answers at the endpoint".to_owned(),
            ),
        })
    }
}

/// The name below the prefix, if it is one that a key or folder of ours can have.
fn ours(prefix: &str, name: &str) -> Option<String> {
    let rest = name.strip_prefix(prefix)?;
    let part = rest.strip_suffix('/').unwrap_or(rest);
    // Consoles make an object of the folder's own name: nothing is left of it.
    if is_part(part) {
        return Some(rest.to_owned());
    }
    if !rest.is_empty() {
        debug!(prefix, name, "a foreign name is skipped");
    }
    None
}
