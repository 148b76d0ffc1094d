//! Lists that come in pages.

use serde::de::DeserializeOwned;

use super::call::Call;
use super::{Transport, list_in};
use crate::error::CloudflareError;

/// More pages than any account has; a server that repeats itself must not keep us forever.
const MOST_PAGES: u32 = 10_000;

impl Transport {
    /// A list that comes whole. `field` is where in the result it stands.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        call: Call,
        field: Option<&str>,
    ) -> Result<Vec<T>, CloudflareError> {
        self.page(&call, field).await.map(|(items, _)| items)
    }

    /// All entries of a list with `page` and, where the list takes it, `per_page`.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        call: Call,
        per_page: Option<u32>,
        field: Option<&str>,
    ) -> Result<Vec<T>, CloudflareError> {
        let mut all = Vec::new();
        let call = match per_page {
            Some(per_page) => call.query("per_page", &per_page.to_string()),
            None => call,
        };
        for page in 1..=MOST_PAGES {
            let call = call.clone().query("page", &page.to_string());
            let (items, info) = self.page::<T>(&call, field).await?;
            let count = items.len();
            // Where nobody says how long a page is, nobody says that there are more.
            let is_short = per_page.is_none_or(|full| count < full as usize);
            all.extend(items);
            // Some lists tell the pages, some the entries, some neither; a server may also give
            // fewer to a page than asked.
            let is_last = match (info.total_pages, info.total_count) {
                (Some(pages), _) => page >= pages,
                (None, Some(total)) => all.len() as u64 >= total,
                (None, None) => is_short,
            };
            if is_last || count == 0 {
                return Ok(all);
            }
        }
        Err(endless(&call))
    }

    /// All entries of a list with a `cursor`.
    pub(crate) async fn cursor<T: DeserializeOwned>(
        &self,
        call: Call,
        field: Option<&str>,
    ) -> Result<Vec<T>, CloudflareError> {
        let mut all = Vec::new();
        let mut next = call.clone();
        let mut before: Option<String> = None;
        for _ in 1..=MOST_PAGES {
            let (items, info) = self.page::<T>(&next, field).await?;
            all.extend(items);
            match info.cursor.filter(|cursor| !cursor.is_empty()) {
                None => return Ok(all),
                // It would give the same page again, for ever.
                same if same == before => return Err(endless(&call)),
                Some(cursor) => {
                    next = call.clone().query("cursor", &cursor);
                    before = Some(cursor);
                }
            }
        }
        Err(endless(&call))
    }

    async fn page<T: DeserializeOwned>(
        &self,
        call: &Call,
        field: Option<&str>,
    ) -> Result<(Vec<T>, super::envelope::ResultInfo), CloudflareError> {
        self.run(call).await?.into_result(call, |envelope| {
            let items: Option<Vec<T>> = serde_json::from_value(list_in(envelope.result, field))?;
            Ok((items.unwrap_or_default(), envelope.result_info))
        })
    }
}

fn endless(call: &Call) -> CloudflareError {
    CloudflareError::Garbled {
        operation: call.operation.clone(),
        status: 200,
        why: "its pages do not end".to_owned(),
    }
}
