//! The page of an organisation: the lists that it shares, who belongs to it, and the forms by which
//! both change.

use maud::{Markup, html};

use crate::address::with_query;
use crate::analytics::day_of;
use crate::identity::{Identity, LONGEST_USER, Source, query_value};
use crate::lesser_page::document;
use crate::limit;
use crate::org::{Errand, PAGE, Role, Sight, User, list_name};
use crate::page::in_words;
use crate::shard;

/// Who looks at which organisation, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub user: String,
    /// Addresses have to go on naming the user.
    pub named: bool,
    pub org: String,
    /// The shared list that the visitor came from.
    pub list: Option<String>,
    /// How many stand before the first who is shown.
    pub from: u32,
}

/// Why somebody sees nothing of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub why: String,
    /// Where they may go instead.
    pub own_list: String,
}

impl View {
    /// `open`: what the query says is taken at its word.
    pub fn of(query: &str, identity: &Identity, open: bool) -> Result<Self, Refused> {
        let named = identity.source == Source::Query;
        let user = || named.then_some(("userId", &*identity.user));
        let refused = |status, why: &str, org: Option<&str>| Refused {
            status,
            why: why.to_owned(),
            own_list: with_query("/", user().into_iter().chain(org.map(|org| ("org", org)))),
        };
        let asked = shard::named(query, "org").map_err(|why| refused(400, &why, None))?;
        let org = if open {
            asked.ok_or_else(|| refused(400, "Name an organisation: /org?org=acme.", None))?
        } else {
            let own = identity.org.clone();
            match (own, asked) {
                _ if identity.source == Source::New => String::new(),
                (None, _) => return Err(refused(403, "You are in no organisation.", None)),
                (Some(own), Some(asked)) if own != asked => {
                    let why = "You are not of this organisation.";
                    return Err(refused(403, why, Some(&own)));
                }
                (Some(own), _) => own,
            }
        };
        if identity.source == Source::New {
            let why = "Nobody knows yet who you are. Begin with your own list.";
            return Err(refused(401, why, Some(&*org).filter(|org| !org.is_empty())));
        }
        let value = |name| query_value(query, name).and_then(Result::ok);
        let from = value("from").and_then(|from| from.parse().ok());
        Ok(Self {
            user: identity.user.clone(),
            named,
            org,
            list: value("list").and_then(|list| list_name(list).ok()),
            from: from.unwrap_or(0),
        })
    }

    /// The address of this page, from another member on.
    pub fn address(&self, from: u32) -> String {
        let from_text = from.to_string();
        let from = (from > 0).then_some(("from", &*from_text));
        self.to("/org", self.list.as_deref(), from)
    }

    /// The list that the visitor keeps for themselves.
    pub fn own_list(&self) -> String {
        self.to("/", None, None)
    }

    fn shared_list(&self, name: &str) -> String {
        self.to("/", Some(name), None)
    }

    fn to(&self, path: &str, list: Option<&str>, more: Option<(&str, &str)>) -> String {
        let fields = [
            self.named.then_some(("userId", &*self.user)),
            Some(("org", &*self.org)),
            list.map(|list| ("list", list)),
            more,
        ];
        with_query(path, fields.into_iter().flatten())
    }
}

/// What a posted form asks of the organisation, or what is wrong with it.
pub fn errand(form: &str) -> Result<Errand, String> {
    let value = |name| {
        let value = query_value(form, name).and_then(Result::ok);
        value.ok_or_else(|| format!("The form has no `{name}`."))
    };
    let user = |typed: String| shard::check("name", typed);
    let role = || match Role::named(&value("role")?) {
        Some(role @ (Role::Owner | Role::Member)) => Ok(role),
        _ => Err("Somebody can be made an owner or a member.".to_owned()),
    };
    Ok(match &*value("action")? {
        "add-list" => Errand::Make(list_name(value("name")?.trim().into())?),
        // Spaces around a name that was typed are a slip; around one that is there they are not.
        "add-member" => Errand::Name(user(value("user")?.trim().into())?, role()?),
        "set" => Errand::Name(user(value("user")?)?, role()?),
        "remove" => Errand::Remove(user(value("user")?)?),
        _ => return Err("The form says none of add-list, add-member, set and remove.".into()),
    })
}

/// `problem`: why what the visitor wished did not happen.
pub fn render(view: &View, sight: &Sight, problem: Option<&str>) -> String {
    let post = view.address(view.from);
    let org = &view.org;
    document(
        org,
        &html! {
            h1.named { (org) }
            p.hint {
                @match sight.members {
                    0 | 1 => "You are the only member of this organisation.",
                    many => { "This organisation has " (many) " members." }
                }
                " All members see and edit its lists; owners say who is a member."
            }
            @if let Some(why) = problem { p.problem role="alert" { (why) } }
            h2 #lists { "Lists" }
            @if sight.lists.is_empty() {
                p { "There are none yet." }
            } @else {
                ul role="list" aria-labelledby="lists" {
                    @for list in &sight.lists {
                        li { div.line { span {
                            a href=(view.shared_list(&list.name)) { (list.name) }
                            small { "Made by " (list.by) }
                        } } }
                    }
                }
            }
            form .add method="post" action=(post) {
                label.hidden for="name" { "Name of a new list" }
                input #name name="name" type="text" required maxlength=(limit::ID) autocomplete="off"
                    enterkeyhint="done" placeholder="Name of a new list";
                button.solid name="action" value="add-list" { "Add list" }
            }
            h2 #members { "Members" }
            ul role="list" aria-labelledby="members" {
                @for user in &sight.users { (row(view, sight, user, &post)) }
            }
            (pages(view, sight))
            @if sight.role == Role::Owner { (invite(&post)) }
            p {
                @if let Some(list) = &view.list {
                    a href=(view.shared_list(list)) { "Back to " (list) }
                    " · "
                }
                a href=(view.own_list()) { "Your own list" }
            }
        },
    )
}

fn row(view: &View, sight: &Sight, shown: &User, post: &str) -> Markup {
    let is_visitor = shown.user == view.user;
    let is_last_owner = shown.role == Role::Owner && sight.owners == 1;
    let who = who(shown, is_visitor);
    html! {
        li {
            @if sight.role != Role::Owner {
                div.line { (who) }
            } @else if is_last_owner {
                div.line { (who) small { "The last owner stays: make somebody else one before." } }
            } @else if is_visitor {
                div.line { (who) (own_changes(&shown.user, post)) }
            } @else {
                form.line method="post" action=(post) { (who) (changes(shown)) }
            }
        }
    }
}

fn who(shown: &User, is_visitor: bool) -> Markup {
    let since = in_words(&day_of(shown.since));
    html! {
        span {
            (shown.user)
            @if is_visitor { " (you)" }
            small {
                @match shown.role {
                    Role::Owner => "Owner",
                    Role::Member => "Member",
                    Role::Blocked => "Removed",
                }
                @if let Some(day) = since.filter(|_| shown.role != Role::Blocked) { " since " (day) }
            }
        }
    }
}

/// What an owner can make of somebody else.
fn changes(shown: &User) -> Markup {
    let (role, label) = match shown.role {
        Role::Owner => (Role::Member, "Make member"),
        Role::Member => (Role::Owner, "Make owner"),
        Role::Blocked => (Role::Member, "Let back in"),
    };
    let user = &shown.user;
    html! {
        input type="hidden" name="user" value=(user);
        input type="hidden" name="role" value=(role.name());
        button.plain name="action" value="set" aria-label={ (label) ": " (user) } { (label) }
        @if shown.role != Role::Blocked {
            button.plain name="action" value="remove" aria-label={ "Remove: " (user) } { "Remove" }
        }
    }
}

/// What owners can make of themselves. They can't take it back, so it takes a step more.
fn own_changes(user: &str, post: &str) -> Markup {
    html! {
        details {
            summary aria-label="Change what you are" { "Change" }
            p { "Only another owner can undo this." }
            form method="post" action=(post) {
                input type="hidden" name="user" value=(user);
                input type="hidden" name="role" value=(Role::Member.name());
                button name="action" value="set" { "Become a member" }
                button name="action" value="remove" { "Leave" }
            }
        }
    }
}

/// The way to those who are not on this page; none where all are.
fn pages(view: &View, sight: &Sight) -> Markup {
    let from = view.from;
    let next = from.saturating_add(PAGE);
    html! {
        @if from > 0 || next < sight.count {
            nav.pages aria-label="Pages" {
                @if from > 0 {
                    a rel="prev" href=(view.address(from.saturating_sub(PAGE))) { "Earlier" }
                }
                span {
                    @match sight.users.len() {
                        0 => "None",
                        shown => { (from + 1) "–" (u64::from(from) + shown as u64) },
                    }
                    " of " (sight.count)
                }
                @if next < sight.count { a rel="next" href=(view.address(next)) { "Later" } }
            }
        }
    }
}

fn invite(post: &str) -> Markup {
    html! {
        form .add method="post" action=(post) {
            label for="user" { "Name of a new member, or of one to change" }
            input #user name="user" type="text" required maxlength=(LONGEST_USER)
                autocomplete="off" autocapitalize="none" spellcheck="false";
            label for="role" { "They are" }
            select #role name="role" {
                option value=(Role::Member.name()) { "a member" }
                option value=(Role::Owner.name()) { "an owner" }
            }
            button.solid name="action" value="add-member" { "Add member" }
        }
    }
}

/// The page for somebody who sees nothing of an organisation.
pub fn refusal(refused: &Refused) -> String {
    let title = if refused.status == 400 {
        "Bad address"
    } else {
        "Not open to you"
    };
    document(
        title,
        &html! {
            h1 { (title) }
            p { (refused.why) }
            p { a href=(refused.own_list) { "Your own list" } }
        },
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::org::Shared;

    fn view(user: &str) -> View {
        View {
            user: user.into(),
            named: true,
            org: "a&b".into(),
            list: None,
            from: 0,
        }
    }

    fn user(user: &str, role: Role) -> User {
        User {
            user: user.into(),
            role,
            since: 1_796_256_000_000,
        }
    }

    /// What somebody with this role sees of alice, who owns it, bob, a member, and carl, who was
    /// removed.
    fn sight(role: Role) -> Sight {
        Sight {
            role,
            lists: vec![Shared {
                name: "plan <9>".into(),
                by: "bob".into(),
            }],
            users: vec![
                user("alice", Role::Owner),
                user("bob", Role::Member),
                user("carl", Role::Blocked),
            ],
            count: 3,
            members: 2,
            owners: 1,
        }
    }

    #[test]
    fn owners_say_who_is_a_member() {
        let page = render(&view("alice"), &sight(Role::Owner), None);
        assert!(page.contains("<h1 class=\"named\">a&amp;b</h1>"));
        assert!(page.contains("This organisation has 2 members."));
        let list =
            r#"<a href="/?userId=alice&amp;org=a%26b&amp;list=plan%20%3C9%3E">plan &lt;9&gt;</a>"#;
        assert!(page.contains(list));
        assert!(page.contains(r#"action="/org?userId=alice&amp;org=a%26b""#));
        assert!(page.contains("alice (you)<small>Owner since 3 Dec 2026</small>"));
        assert!(page.contains("Make owner: bob") && page.contains("Remove: bob"));
        assert!(page.contains("carl<small>Removed</small>") && page.contains("Let back in: carl"));
        assert!(!page.contains("Remove: carl"));
        assert!(page.contains(r#"value="add-member""#));
        assert!(page.contains(r#"<a href="/?userId=alice&amp;org=a%26b">Your own list</a>"#));
        assert!(!page.contains("alert"));
    }

    #[test]
    fn the_last_owner_stays_and_others_think_twice_before_they_go() {
        let mut sight = sight(Role::Owner);
        let page = render(&view("alice"), &sight, None);
        assert!(page.contains("The last owner stays"));
        assert!(!page.contains("Leave") && !page.contains("Remove: alice"));
        sight.users[1].role = Role::Owner;
        sight.owners = 2;
        let page = render(&view("alice"), &sight, None);
        assert!(!page.contains("The last owner stays"));
        assert!(page.contains("<details>") && page.contains("Leave"));
        assert!(page.contains("Make member: bob") && !page.contains("Remove: alice"));
    }

    #[test]
    fn members_make_lists_and_see_who_else_is_there() {
        let page = render(&view("bob"), &sight(Role::Member), None);
        assert_eq!(page.matches("<form").count(), 1);
        assert!(page.contains(r#"value="add-list""#));
        assert!(page.contains("bob (you)") && page.contains("carl"));
        assert!(!page.contains("The last owner stays"));
    }

    #[test]
    fn what_goes_wrong_is_told_and_nothing_is_no_mystery() {
        let mut sight = sight(Role::Owner);
        sight.lists.clear();
        sight.members = 1;
        let page = render(&view("alice"), &sight, Some("No <way>."));
        assert!(page.contains(r#"role="alert">No &lt;way&gt;.<"#));
        assert!(page.contains("There are none yet."));
        assert!(page.contains("You are the only member of this organisation."));
    }

    #[test]
    fn who_sees_nothing_is_told_why_and_has_a_way_on() {
        use Source::{Cookie, New, Query};
        let identity = |source, org: Option<&str>| Identity {
            user: "ann".into(),
            org: org.map(str::to_owned),
            role: None,
            source,
            expires: None,
            stale: false,
        };
        let refused = |query, source, org, open| {
            let refused = View::of(query, &identity(source, org), open).unwrap_err();
            assert!(refusal(&refused).contains(&refused.why));
            (refused.status, refused.own_list)
        };
        let own = |status, list: &str| (status, list.to_owned());
        assert_eq!(refused("", Query, None, true), own(400, "/?userId=ann"));
        assert_eq!(refused("org=%00", Cookie, None, true), own(400, "/"));
        assert_eq!(refused("org=a", New, None, true), own(401, "/?org=a"));
        assert_eq!(refused("org=a", New, None, false), own(401, "/"));
        assert_eq!(refused("org=a", Cookie, None, false), own(403, "/"));
        let elsewhere = refused("org=a", Cookie, Some("b"), false);
        assert_eq!(elsewhere, own(403, "/?org=b"));

        let seen = |query, source, org, open| View::of(query, &identity(source, org), open);
        let named = seen("userId=ann&org=a%26b&list=x&from=2", Query, None, true).unwrap();
        assert_eq!(named.address(2), "/org?userId=ann&org=a%26b&list=x&from=2");
        let signed = seen("list=&from=-1", Cookie, Some("b"), false).unwrap();
        assert_eq!(signed.address(signed.from), "/org?org=b");
    }

    #[test]
    fn who_came_from_a_list_gets_back_to_it() {
        let from_plan = View {
            list: Some("plan".into()),
            named: false,
            from: 200,
            ..view("alice")
        };
        assert_eq!(
            from_plan.address(from_plan.from),
            "/org?org=a%26b&list=plan&from=200"
        );
        let page = render(&from_plan, &sight(Role::Owner), None);
        assert!(page.contains(r#"<a href="/?org=a%26b&amp;list=plan">Back to plan</a>"#));
        assert!(!page.contains("userId"), "nobody is named in the query");
    }

    #[test]
    fn many_members_come_in_pages() {
        let mut sight = sight(Role::Owner);
        assert!(!render(&view("alice"), &sight, None).contains("<nav"));
        sight.count = 500;
        let there = View {
            from: 200,
            ..view("alice")
        };
        let page = render(&there, &sight, None);
        assert!(page.contains("201–203 of 500"));
        assert!(page.contains(r#"rel="prev" href="/org?userId=alice&amp;org=a%26b""#));
        assert!(page.contains(r#"rel="next" href="/org?userId=alice&amp;org=a%26b&amp;from=400""#));
        sight.users.clear();
        let beyond = View {
            from: u32::MAX,
            ..view("alice")
        };
        assert!(render(&beyond, &sight, None).contains("None of 500"));
    }

    #[test]
    fn each_form_is_one_errand() {
        let name = |user: &str, role| Ok(Errand::Name(user.into(), role));
        assert_eq!(
            errand("name=+plan+9+&action=add-list"),
            Ok(Errand::Make("plan 9".into()))
        );
        assert_eq!(
            errand("user=+bob+&role=owner&action=add-member"),
            name("bob", Role::Owner)
        );
        // Whoever is there is called just so.
        assert_eq!(
            errand("user=bob+&role=member&action=set"),
            name("bob ", Role::Member)
        );
        assert_eq!(
            errand("user=b%26b&role=member&action=remove"),
            Ok(Errand::Remove("b&b".into()))
        );
        for wrong in [
            "",
            "action=add-list",
            "action=add-list&name=+",
            "action=add-member&user=++&role=member",
            "action=set&user=bob",
            "action=set&user=bob&role=blocked",
            "action=remove",
            "action=dance&user=bob",
        ] {
            assert!(errand(wrong).is_err(), "{wrong}");
        }
        let long = format!("action=remove&user={}", "x".repeat(LONGEST_USER + 1));
        assert!(errand(&long).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_people_write_becomes_markup(written in ".*") {
            let written = format!("<b>{written}\"'><i x='");
            let mut sight = sight(Role::Owner);
            sight.lists[0] = Shared { name: written.clone(), by: written.clone() };
            for shown in &mut sight.users {
                shown.user.clone_from(&written);
            }
            let view = View {
                org: written.clone(),
                list: Some(written.clone()),
                ..view(&written)
            };
            let refused = Refused {
                status: 403,
                why: written.clone(),
                own_list: view.own_list(),
            };
            for page in [render(&view, &sight, Some(&written)), refusal(&refused)] {
                prop_assert!(!page.contains("<b>") && !page.contains("<i "));
                prop_assert!(!page.contains("\"'>"));
            }
        }

        #[test]
        fn no_form_makes_it_panic(form in ".*") {
            let _ = errand(&form);
        }
    }
}
