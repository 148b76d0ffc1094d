//! What the worker asks a user's object: a URL that only those two ever see.
//!
//! Everything that shapes the answer stands in it, in one spelling, so that the object can keep
//! answers by it.

use crate::filter::Filter;
use crate::identity::{self, decode, encode};
use crate::sheet::Right;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Page,
    Json,
    Usage,
    /// What the object counts, for Prometheus.
    Metrics,
    /// The same as JSON.
    MetricsAsJson,
    Export,
    /// The list's share links, as the visitor's `Accept` says.
    Shares,
    /// Which backups of the list there are.
    Backups,
    /// With a posted form as the body.
    Form,
    /// With a posted form that makes or revokes a share link, and where the link is to lead in
    /// `Origin`.
    Share,
    /// With a posted form that makes or restores a backup.
    BackUp,
    /// With what is imported as the body.
    Import,
    /// With the upgrade to a WebSocket that speaks the plain protocol.
    Plain,
    /// With the upgrade to a WebSocket that speaks TinyBase's synchronizer protocol.
    Sync,
}

impl Ask {
    const EVERY: [Self; 14] = [
        Self::Page,
        Self::Json,
        Self::Usage,
        Self::Metrics,
        Self::MetricsAsJson,
        Self::Export,
        Self::Shares,
        Self::Backups,
        Self::Form,
        Self::Share,
        Self::BackUp,
        Self::Import,
        Self::Plain,
        Self::Sync,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Page => "/page",
            Self::Json => "/json",
            Self::Usage => "/usage",
            Self::Metrics => "/metrics",
            Self::MetricsAsJson => "/metrics-as-json",
            Self::Export => "/export",
            Self::Shares => "/shares",
            Self::Backups => "/backups",
            Self::Form => "/form",
            Self::Share => "/share",
            Self::BackUp => "/back-up",
            Self::Import => "/import",
            Self::Plain => "/plain",
            Self::Sync => "/sync",
        }
    }

    /// What a visitor has to be allowed to ask this. A reader's WebSocket is there to listen; what
    /// comes through it is looked at then.
    pub fn needs(self) -> Right {
        match self {
            Self::Page | Self::Json | Self::Usage | Self::Export | Self::Plain | Self::Sync => {
                Right::Read
            }
            Self::Form | Self::Import => Right::Write,
            Self::Metrics
            | Self::MetricsAsJson
            | Self::Shares
            | Self::Share
            | Self::Backups
            | Self::BackUp => Right::Own,
        }
    }

    /// Whether it opens or changes something: only our own pages may start that in a visitor's
    /// name.
    pub fn is_guarded(self) -> bool {
        match self {
            Self::Form | Self::Share | Self::BackUp | Self::Import | Self::Plain | Self::Sync => {
                true
            }
            Self::Page
            | Self::Json
            | Self::Usage
            | Self::Metrics
            | Self::MetricsAsJson
            | Self::Export
            | Self::Shares
            | Self::Backups => false,
        }
    }

    /// What it is counted as.
    pub fn name(self) -> &'static str {
        match self {
            Self::MetricsAsJson => Self::Metrics.name(),
            _ => self.path().trim_start_matches('/'),
        }
    }
}

/// Who looks at what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub user: String,
    /// The user was named in the query: links have to go on doing so.
    pub named: bool,
    /// Names are taken at their word: no secret says who is who. They can be in the query.
    pub open: bool,
    /// The organisation that this is about.
    pub org: Option<String>,
    /// Which of the object's lists; the empty name is the list of its one user.
    pub list: String,
    pub pass: Pass,
    pub filter: Filter,
    /// How many of the todos that the filter shows stand before the first on the page.
    pub from: usize,
}

impl Visit {
    /// Somebody's own list, from its first todo on.
    #[cfg(test)]
    pub fn to_own(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            named: true,
            open: true,
            org: None,
            list: String::new(),
            pass: Pass::Own,
            filter: Filter::All,
            from: 0,
        }
    }

    /// Whether the page is the first of all todos.
    pub fn is_front(&self) -> bool {
        self.filter == Filter::All && self.from == 0
    }

    /// Whether nobody has said who this is.
    pub fn is_guest(&self) -> bool {
        identity::is_anonymous(&self.user)
    }
}

/// What lets a visitor in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// The list is the visitor's own.
    Own,
    /// What stands in a share link; the object knows what it is good for.
    Share(String),
    /// Being a member, if the object does not keep the visitor out.
    Member {
        /// Whoever vouches for the visitor says that they own the organisation.
        owner: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub ask: Ask,
    pub visit: Visit,
    /// When a WebSocket has to be opened anew, because what let the visitor in has expired, in
    /// seconds since 1970.
    pub until: Option<u64>,
    /// A `Set-Cookie` value for the answer.
    pub cookie: Option<String>,
}

const ORIGIN: &str = "https://object";
const COOKIE: &str = "&cookie=";

impl Hop {
    pub fn to_url(&self) -> String {
        let Visit {
            user,
            named,
            open,
            org,
            list,
            pass,
            filter,
            from,
        } = &self.visit;
        let mut url = String::with_capacity(80 + user.len());
        url.push_str(ORIGIN);
        url.push_str(self.ask.path());
        url.push_str("?filter=");
        url.push_str(filter.name());
        url.push_str("&from=");
        url.push_str(&from.to_string());
        url.push_str("&list=");
        url.push_str(&encode(list));
        match pass {
            Pass::Own => url.push_str("&own="),
            Pass::Member { owner: false } => url.push_str("&member="),
            Pass::Member { owner: true } => url.push_str("&member=owner"),
            Pass::Share(secret) => {
                url.push_str("&share=");
                url.push_str(&encode(secret));
            }
        }
        url.push_str(match (named, open) {
            (true, _) => "&named=",
            (false, true) => "&open=",
            (false, false) => "&user=",
        });
        url.push_str(&encode(user));
        if let Some(org) = org {
            url.push_str("&org=");
            url.push_str(&encode(org));
        }
        if let Some(until) = self.until {
            url.push_str("&until=");
            url.push_str(&until.to_string());
        }
        if let Some(cookie) = &self.cookie {
            url.push_str(COOKIE);
            url.push_str(&encode(cookie));
        }
        url
    }

    /// Splits the cookie, in its encoded form, off a URL; what is left names the answer's body.
    pub fn split_cookie(url: &str) -> (&str, Option<&str>) {
        url.split_once(COOKIE)
            .map_or((url, None), |(url, cookie)| (url, Some(cookie)))
    }

    /// `None`: [`Self::to_url`] has not written this.
    pub fn from_url(url: &str) -> Option<Self> {
        let (url, cookie) = Self::split_cookie(url);
        let cookie = match cookie {
            Some(cookie) => Some(decode(cookie)?),
            None => None,
        };
        let (path, query) = url.strip_prefix(ORIGIN)?.split_once('?')?;
        let ask = Ask::EVERY.into_iter().find(|ask| ask.path() == path)?;
        let mut fields = query.split('&').map_while(|field| field.split_once('='));
        let mut field = |name: &str| fields.next().filter(|(key, _)| *key == name);
        let (_, filter) = field("filter")?;
        let (_, from) = field("from")?;
        let (_, list) = field("list")?;
        let pass = match fields.next()? {
            ("own", "") => Pass::Own,
            ("member", "") => Pass::Member { owner: false },
            ("member", "owner") => Pass::Member { owner: true },
            ("share", secret) => Pass::Share(decode(secret)?),
            _ => return None,
        };
        let (named, open, user) = match fields.next()? {
            ("named", user) => (true, true, user),
            ("open", user) => (false, true, user),
            ("user", user) => (false, false, user),
            _ => return None,
        };
        let mut rest = fields.next();
        let org = match rest {
            Some(("org", org)) => {
                rest = fields.next();
                Some(decode(org)?)
            }
            _ => None,
        };
        let until = match rest {
            Some(("until", until)) => Some(until.parse().ok()?),
            Some(_) => return None,
            None => None,
        };
        let visit = Visit {
            user: decode(user)?,
            named,
            open,
            org,
            list: decode(list)?,
            pass,
            filter: Filter::named(filter),
            from: from.parse().ok()?,
        };
        Some(Self {
            ask,
            visit,
            until,
            cookie,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_object_reads_what_the_worker_wrote(
            ask in prop::sample::select(&Ask::EVERY[..]),
            user in ".{1,40}",
            (named, open) in prop::sample::select(&[(true, true), (false, true), (false, false)][..]),
            org in prop::option::of(".{1,40}"),
            list in ".{0,20}",
            pass in prop_oneof![
                Just(Pass::Own),
                any::<bool>().prop_map(|owner| Pass::Member { owner }),
                ".{1,40}".prop_map(Pass::Share),
            ],
            filter in prop::sample::select(&Filter::EVERY[..]),
            from: usize,
            until: Option<u64>,
            cookie in prop::option::of(".*"),
        ) {
            let visit = Visit { user, named, open, org, list, pass, filter, from };
            let hop = Hop { ask, visit, until, cookie };
            let url = hop.to_url();
            // Written the way that the platform writes URLs, so that it arrives unchanged.
            prop_assert_eq!(Hop::from_url(&url), Some(hop));
            prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic()));
        }

        #[test]
        fn no_url_makes_it_panic(url in ".*") {
            let _ = Hop::from_url(&url);
        }
    }
}
