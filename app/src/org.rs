//! An organisation: its members, the lists that they share, and the questions that `/api/{org}/…`
//! answers about both. What is kept of it is in `members.rs`.

use serde::{Deserialize, Serialize};

use crate::identity::decode;
use crate::limit;
use crate::shard;
use crate::sheet::Right;

/// What somebody is to an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and edits all lists, and says who is a member.
    Owner,
    /// Sees and edits all lists.
    Member,
    /// Was removed, and stays out until an owner says otherwise.
    Blocked,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Blocked => "blocked",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        let every = [Self::Owner, Self::Member, Self::Blocked];
        every.into_iter().find(|role| role.name() == name)
    }

    /// What it lets somebody do with the lists.
    pub fn right(self) -> Option<Right> {
        match self {
            Self::Owner => Some(Right::Own),
            Self::Member => Some(Right::Write),
            Self::Blocked => None,
        }
    }

    /// The role of somebody who comes: whoever comes becomes a member, the first of all an owner.
    /// `vouched`: their token says that they own the organisation.
    pub fn of_visitor(held: Option<Self>, first: bool, vouched: bool) -> Self {
        match held {
            Some(Self::Blocked) => Self::Blocked,
            _ if vouched => Self::Owner,
            Some(role) => role,
            None if first => Self::Owner,
            None => Self::Member,
        }
    }
}

/// Who asks on an organisation's behalf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub user: String,
    /// Their token says that they own it.
    pub vouched: bool,
}

/// What is asked of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    Users,
    User(String),
    /// Lets somebody in, or back in, or changes what they are.
    Name(String, Role),
    Remove(String),
    Lists,
    Make(String),
    /// To see what the organisation's page shows, without the first so many who are or were
    /// members; answered by a [`Sight`].
    Look(u32),
}

impl Errand {
    /// Whether only owners may ask for it.
    pub fn is_for_owners(&self) -> bool {
        matches!(self, Self::Name(..) | Self::Remove(_))
    }
}

/// Members that an organisation's page has at most.
pub const PAGE: u32 = 200;

/// What an organisation's page shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sight {
    /// What the visitor is.
    pub role: Role,
    pub lists: Vec<Shared>,
    /// Some of those who are or were members, whoever was removed last.
    pub users: Vec<User>,
    /// How many of them there are in all.
    pub count: u32,
    /// How many are members.
    pub members: u32,
    /// How many of those own it.
    pub owners: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shared {
    pub name: String,
    pub by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    pub user: String,
    pub role: Role,
    /// When they first came or were named, in milliseconds since 1970.
    pub since: u64,
}

/// What a request to `/api/{org}/…` is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    pub org: String,
    pub about: About,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    Users,
    User(String),
    Lists,
    /// What happens in it, counted.
    Analytics,
}

impl Api {
    /// `None`: there is nothing at this path.
    pub fn at(path: &str) -> Option<Self> {
        let parts = path.strip_prefix("/api/")?.split('/');
        // In a path a plus is a plus.
        let parts: Option<Vec<String>> = parts
            .map(|part| decode(&part.replace('+', "%2B")))
            .collect();
        let mut parts = parts?.into_iter();
        let org = parts.next()?;
        let about = match (parts.next()?.as_str(), parts.next(), parts.next()) {
            ("users", None, None) => About::Users,
            ("users", Some(user), None) => About::User(user),
            ("lists", None, None) => About::Lists,
            ("analytics", None, None) => About::Analytics,
            _ => return None,
        };
        Some(Self { org, about })
    }

    /// The `Allow` header.
    pub fn methods(&self) -> &'static str {
        match self.about {
            About::Users | About::Analytics => "GET, HEAD",
            About::User(_) => "GET, HEAD, PUT, DELETE",
            About::Lists => "GET, HEAD, POST",
        }
    }

    pub fn allows(&self, method: &str) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method)
    }

    /// What is asked of members and lists by this method, which is allowed, with this body; or what
    /// is wrong.
    pub fn errand(self, method: &str, body: &str) -> Result<Errand, String> {
        Ok(match (self.about, method) {
            (About::Analytics, _) => return Err("Nothing is counted here.".into()),
            (About::Users, _) => Errand::Users,
            (About::User(user), "PUT") => {
                #[derive(Deserialize)]
                struct Body {
                    role: Role,
                }
                let Body { role } = read(body, r#"{"role":"member"} or {"role":"owner"}"#)?;
                let user = shard::check("user", user)?;
                match role {
                    Role::Blocked => Errand::Remove(user),
                    role => Errand::Name(user, role),
                }
            }
            (About::User(user), "DELETE") => Errand::Remove(shard::check("user", user)?),
            (About::User(user), _) => Errand::User(user),
            (About::Lists, "POST") => {
                #[derive(Deserialize)]
                struct Body {
                    name: String,
                }
                let Body { name } = read(body, r#"{"name":"…"}"#)?;
                Errand::Make(list_name(name)?)
            }
            (About::Lists, _) => Errand::Lists,
        })
    }
}

fn read<'b, T: Deserialize<'b>>(body: &'b str, shape: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|_| format!("Send JSON: {shape}."))
}

/// The name of a list, or why it can't be one.
pub fn list_name(name: String) -> Result<String, String> {
    let length = name.chars().count();
    if (1..=limit::ID).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err("Bad list: its name has 1 to 64 characters and no control characters.".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn errand(method: &str, path: &str, body: &str) -> Result<(String, Errand), String> {
        let api = Api::at(path).ok_or("nothing there")?;
        if !api.allows(method) {
            return Err("not allowed".into());
        }
        Ok((api.org.clone(), api.errand(method, body)?))
    }

    #[test]
    fn the_first_owns_the_rest_are_members_and_the_blocked_stay_out() {
        use Role::{Blocked, Member, Owner};
        assert_eq!(Role::of_visitor(None, true, false), Owner);
        assert_eq!(Role::of_visitor(None, false, false), Member);
        assert_eq!(Role::of_visitor(None, false, true), Owner);
        assert_eq!(Role::of_visitor(Some(Member), false, false), Member);
        assert_eq!(Role::of_visitor(Some(Member), false, true), Owner);
        assert_eq!(Role::of_visitor(Some(Owner), false, false), Owner);
        assert_eq!(Role::of_visitor(Some(Blocked), true, true), Blocked);
        assert!(Blocked.right().is_none() && Member.right() < Owner.right());
    }

    #[test]
    fn each_path_and_method_is_one_errand() {
        let acme = |errand| Ok(("acme".to_owned(), errand));
        assert_eq!(errand("GET", "/api/acme/users", ""), acme(Errand::Users));
        let there = "/api/acme/users/a%2Fb+c";
        let user = || "a/b+c".to_owned();
        assert_eq!(errand("GET", there, ""), acme(Errand::User(user())));
        assert_eq!(errand("DELETE", there, ""), acme(Errand::Remove(user())));
        let owner = Errand::Name(user(), Role::Owner);
        assert_eq!(errand("PUT", there, r#"{"role":"owner"}"#), acme(owner));
        assert_eq!(errand("GET", "/api/acme/lists", ""), acme(Errand::Lists));
        let plan = Errand::Make("plan".into());
        let made = errand("POST", "/api/acme/lists", r#"{"name":"plan"}"#);
        assert_eq!(made, acme(plan));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (method, path, body) in [
            ("GET", "/api/acme", ""),
            ("GET", "/api/acme/users/bob/more", ""),
            ("GET", "/api/acme/planets", ""),
            ("GET", "/api/acme/users/%ff", ""),
            ("POST", "/api/acme/users", ""),
            ("PUT", "/api/acme/users/bob", ""),
            ("PUT", "/api/acme/users/bob", r#"{"role":"king"}"#),
            ("PUT", "/api/acme/users/", r#"{"role":"member"}"#),
            ("DELETE", "/api/acme/users/%0a", ""),
            ("POST", "/api/acme/lists", r#"{"name":""}"#),
            ("POST", "/api/acme/lists", r#"{"name":"\n"}"#),
        ] {
            assert!(errand(method, path, body).is_err(), "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "/api/.*", body in ".*") {
            for method in ["GET", "PUT", "POST", "DELETE"] {
                let _ = errand(method, &path, &body);
            }
        }
    }
}
