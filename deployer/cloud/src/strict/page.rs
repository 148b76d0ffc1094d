//! Lists in pages.

use serde::Deserialize;

use super::UNREADABLE;
use crate::envelope::{Answer, ApiError, ResultInfo};

/// How long a page of some list may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRule {
    pub(crate) default: u32,
    pub(crate) least: u32,
    pub(crate) most: u32,
}

/// `asc` or `desc`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    #[default]
    Asc,
    Desc,
}

/// The page that was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    page: u32,
    per_page: u32,
}

impl PageRule {
    /// Pages of at most `most`, and so many by default.
    pub(crate) const fn new(default: u32, least: u32, most: u32) -> Self {
        Self {
            default,
            least,
            most,
        }
    }

    pub(crate) fn page(self, page: Option<u32>, per_page: Option<u32>) -> Result<Page, ApiError> {
        let page = page.unwrap_or(1);
        if page == 0 {
            return Err(ApiError::bad(UNREADABLE, "`page` begins with 1"));
        }
        Ok(Page {
            page,
            per_page: self.per_page(per_page)?,
        })
    }

    /// For lists with a cursor, too.
    pub(crate) fn per_page(self, per_page: Option<u32>) -> Result<u32, ApiError> {
        let per_page = per_page.unwrap_or(self.default);
        if (self.least..=self.most).contains(&per_page) {
            return Ok(per_page);
        }
        Err(ApiError::bad(
            UNREADABLE,
            format!(
                "`per_page` must be from {} to {}, and is {per_page}",
                self.least, self.most
            ),
        ))
    }
}

impl Page {
    /// Answers with this page of a whole list.
    pub(crate) fn of<T: serde::Serialize>(self, all: Vec<T>) -> Answer<Vec<T>> {
        let total = all.len();
        let items: Vec<T> = all
            .into_iter()
            .skip((self.page as usize - 1).saturating_mul(self.per_page as usize))
            .take(self.per_page as usize)
            .collect();
        let info = ResultInfo {
            page: Some(self.page),
            per_page: Some(self.per_page),
            count: Some(items.len() as u64),
            total_count: Some(total as u64),
            total_pages: Some(
                u32::try_from(total.div_ceil(self.per_page as usize)).unwrap_or(u32::MAX),
            ),
            ..ResultInfo::default()
        };
        Answer::new(items).with_info(info)
    }
}
