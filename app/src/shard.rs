//! Which object has a list: the phases of docs/scaling.md, one for each value of `SHARDING`.
//!
//! Names of objects never collide, whatever users and organisations are called: each kind begins
//! in its own way, and what stands in the middle of a name is spelt so that its end is certain.

use crate::hop::Pass;
use crate::identity::{LONGEST_USER, query_value};
use crate::region::Region;
use crate::ring;

/// How todos are spread over objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharding {
    /// An object for each user.
    User,
    /// An object for each user of an organisation, and one for what the organisation shares.
    Org,
    /// So many objects, each with the lists of many users.
    Feature(u32),
    /// An object for each user, and a database for what rests.
    Hybrid,
    /// An object for each user, in the region that is their home.
    Geo,
}

impl Sharding {
    /// The shards that there are unless `SHARDS` says otherwise.
    pub const SHARDS: u32 = 8;

    /// What the variables `SHARDING` and, where it matters, `SHARDS` say; or what is wrong.
    pub fn read(
        name: Option<&str>,
        shards: impl FnOnce() -> Option<String>,
    ) -> Result<Self, String> {
        Ok(match name {
            None | Some("user") => Self::User,
            Some("org") => Self::Org,
            Some("feature") => Self::Feature(match shards() {
                Some(count) => number_of_shards(&count)?,
                None => Self::SHARDS,
            }),
            Some("hybrid") => Self::Hybrid,
            Some("geo") => Self::Geo,
            Some(_) => {
                let names = "user, org, feature, hybrid, geo";
                return Err(format!(
                    "The variable SHARDING is not one that this worker knows: {names}."
                ));
            }
        })
    }

    /// Where lists may still be from earlier: what `SHARDS_BEFORE` and `SHARDING_BEFORE` say, with
    /// the newest first and spaces or commas between.
    pub fn earlier(shards: Option<&str>, names: Option<&str>) -> Result<Vec<Self>, String> {
        let words = |text| str::split(text, [' ', ',']).filter(|word| !word.is_empty());
        let rings = words(shards.unwrap_or_default());
        let rings = rings.map(|count| number_of_shards(count).map(Self::Feature));
        let phases = words(names.unwrap_or_default());
        let phases = phases.map(|name| match Self::read(Some(name), || None) {
            Ok(Self::Geo) => Err("Lists do not come from geo by themselves: import them.".into()),
            read => read,
        });
        rings.chain(phases).collect()
    }
}

fn number_of_shards(text: &str) -> Result<u32, String> {
    let number = text.parse().ok();
    number
        .filter(|count| (1..=ring::MOST).contains(count))
        .ok_or_else(|| format!("`{text}` is no number of shards: 1 to {}.", ring::MOST))
}

/// Whose todos somebody wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'w> {
    pub user: &'w str,
    pub org: Option<&'w str>,
    /// A list that the organisation shares, by its name.
    pub list: Option<&'w str>,
    /// The user's token says that they own the organisation.
    pub owner: bool,
}

/// Where a list is, and what lets its visitor in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub object: String,
    /// The object's own name of the list.
    pub list: String,
    pub pass: Pass,
}

impl Place {
    /// The one list of an object that has but one.
    fn own(object: String) -> Self {
        Self {
            object,
            list: String::new(),
            pass: Pass::Own,
        }
    }
}

impl Sharding {
    /// Where the wanted list is; or why there is no such list.
    pub fn place(self, wanted: Wanted<'_>) -> Result<Place, &'static str> {
        let Wanted {
            user: id,
            org: within,
            list,
            owner,
        } = wanted;
        match (self, within, list) {
            (Self::Org, Some(within), Some(list)) => Ok(Place {
                object: org(within),
                list: list.to_owned(),
                pass: Pass::Member { owner },
            }),
            (Self::Org, None, Some(_)) => {
                Err("Bad list: only an organisation has lists by name, and none is named.")
            }
            (Self::Org, Some(within), None) => Ok(Place::own(org_user(within, id))),
            (Self::Feature(shards), ..) => Ok(Place {
                object: todo_shard(ring::shard_of(id, shards)),
                list: id.to_owned(),
                pass: Pass::Own,
            }),
            // Which object it is, its user's home knows.
            (Self::Geo, ..) => Ok(Place::own(String::new())),
            (Self::User | Self::Hybrid, ..) | (Self::Org, None, None) => Ok(Place::own(user(id))),
        }
    }

    /// Where a user's own list is.
    pub fn own(self, user: &str, org: Option<&str>) -> Result<Place, &'static str> {
        self.place(Wanted {
            user,
            org,
            list: None,
            owner: false,
        })
    }
}

/// The object of a user's own list.
pub fn user(user: &str) -> String {
    format!("user-{user}")
}

/// The object of the lists that an organisation shares, and of its members.
pub fn org(org: &str) -> String {
    format!("org-{}", spelt(org))
}

/// The object of what a user keeps for themselves within an organisation.
pub fn org_user(org: &str, user: &str) -> String {
    format!("org-{}-user-{user}", spelt(org))
}

/// The object of a user's own list, near to their home.
pub fn region_user(region: Region, user: &str) -> String {
    format!("{region}-user-{user}")
}

/// The object that remembers where a user's home is.
pub fn home(user: &str) -> String {
    format!("home-{user}")
}

/// An object that has the lists of many users.
pub fn todo_shard(number: u32) -> String {
    format!("todo-shard-{number}")
}

/// The object that counts what happens in an organisation, or outside of all.
pub fn analytics(org: Option<&str>) -> String {
    format!("analytics-{}", org.unwrap_or(EVERYBODY))
}

/// What those are called who are in no organisation.
pub const EVERYBODY: &str = "all";

/// An organisation's id without what divides it from a user's.
fn spelt(org: &str) -> String {
    org.replace('%', "%25").replace("-user", "%2Duser")
}

/// What the query names under `key`, if it can be an id or the name of a list.
pub fn named(query: &str, key: &str) -> Result<Option<String>, String> {
    match query_value(query, key) {
        None => Ok(None),
        Some(Ok(name)) => check(key, name).map(Some),
        Some(Err(_)) => Err(format!("Bad {key}: it is not UTF-8.")),
    }
}

/// `name`, if it can be an id or the name of a list: the rules of user ids.
pub fn check(what: &str, name: String) -> Result<String, String> {
    let wrong = if name.is_empty() {
        "is empty"
    } else if name.chars().count() > LONGEST_USER {
        "is longer than 128 characters"
    } else if name.chars().any(char::is_control) {
        "contains a control character"
    } else {
        return Ok(name);
    };
    Err(format!("Bad {what}: it {wrong}."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn objects_are_named_as_the_phases_say() {
        assert_eq!(user("alice"), "user-alice");
        assert_eq!(org("acme"), "org-acme");
        assert_eq!(org_user("acme", "alice"), "org-acme-user-alice");
        assert_eq!(todo_shard(3), "todo-shard-3");
        assert_eq!(region_user(Region::Weur, "alice"), "weur-user-alice");
        assert_eq!(home("alice"), "home-alice");
        assert_eq!(analytics(None), "analytics-all");
        assert_eq!(analytics(Some("acme")), "analytics-acme");
    }

    #[test]
    fn the_variables_say_how_todos_are_spread() {
        let read = |name, shards: Option<&str>| Sharding::read(name, || shards.map(str::to_owned));
        assert_eq!(read(None, None), Ok(Sharding::User));
        assert_eq!(read(Some("org"), None), Ok(Sharding::Org));
        assert_eq!(read(Some("feature"), None), Ok(Sharding::Feature(8)));
        assert_eq!(read(Some("feature"), Some("3")), Ok(Sharding::Feature(3)));
        for shards in ["0", "1025", "many", ""] {
            assert!(read(Some("feature"), Some(shards)).is_err(), "{shards}");
        }
        assert!(read(Some("planet"), None).is_err());
        assert_eq!(Sharding::earlier(None, None), Ok(vec![]));
        let earlier = Sharding::earlier(Some("4, 2"), Some("user"));
        let wanted = [Sharding::Feature(4), Sharding::Feature(2), Sharding::User];
        assert_eq!(earlier, Ok(wanted.into()));
        assert!(Sharding::earlier(Some("x"), None).is_err());
        assert_eq!(read(Some("hybrid"), None), Ok(Sharding::Hybrid));
        assert_eq!(read(Some("geo"), None), Ok(Sharding::Geo));
        assert!(Sharding::earlier(None, Some("geo")).is_err());
    }

    #[test]
    fn a_shard_has_lists_by_their_users() {
        let place = Sharding::Feature(8).own("alice", Some("acme")).unwrap();
        let shard = ring::shard_of("alice", 8);
        assert_eq!(place.object, format!("todo-shard-{shard}"));
        assert_eq!((&*place.list, place.pass), ("alice", Pass::Own));
    }

    #[test]
    fn a_list_is_the_users_own_or_the_organisations() {
        let alice = Wanted {
            user: "alice",
            org: None,
            list: None,
            owner: false,
        };
        let at_acme = Wanted {
            org: Some("acme"),
            ..alice
        };
        let plan = Wanted {
            list: Some("plan"),
            ..at_acme
        };
        let object = |sharding: Sharding, wanted| sharding.place(wanted).unwrap().object;
        assert_eq!(object(Sharding::Org, alice), "user-alice");
        assert_eq!(object(Sharding::Org, at_acme), "org-acme-user-alice");
        let shared = Sharding::Org.place(plan).unwrap();
        assert_eq!((&*shared.object, &*shared.list), ("org-acme", "plan"));
        assert_eq!(shared.pass, Pass::Member { owner: false });
        let nobodys = Wanted { org: None, ..plan };
        assert!(Sharding::Org.place(nobodys).is_err());
        // Where nothing is shared by organisations, naming one changes nothing.
        assert_eq!(object(Sharding::User, plan), "user-alice");
    }

    #[test]
    fn what_looks_like_somebody_elses_is_not() {
        assert_ne!(org_user("a-user-b", "c"), org_user("a", "b-user-c"));
        assert_ne!(org_user("a", "user-b"), org_user("a-user", "b"));
        assert_ne!(org("acme-user-bob"), org_user("acme", "bob"));
        assert_ne!(org("a%2Duser"), org("a-user"));
    }

    #[test]
    fn names_are_checked_like_user_ids() {
        assert_eq!(named("org=acme&x=1", "org"), Ok(Some("acme".into())));
        assert_eq!(named("x=1", "org"), Ok(None));
        for (query, why) in [
            ("org=", "is empty"),
            ("org=%00", "control character"),
            ("org=%ff", "not UTF-8"),
            (&format!("org={}", "x".repeat(129)), "longer than 128"),
        ] {
            let said = named(query, "org").unwrap_err();
            assert!(said.contains(why) && said.starts_with("Bad org"), "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_two_share_an_object(
            one in ("(-user|user|-|%|2D|a){1,6}", "(-user|user|-|%|2D|a){1,6}"),
            other in ("(-user|user|-|%|2D|a){1,6}", "(-user|user|-|%|2D|a){1,6}"),
        ) {
            let name = |(org, user): &(String, String)| org_user(org, user);
            prop_assert_eq!(name(&one) == name(&other), one == other);
            prop_assert_eq!(org(&one.0) == org(&other.0), one.0 == other.0);
            prop_assert_ne!(org(&one.0), name(&other));
        }
    }
}
