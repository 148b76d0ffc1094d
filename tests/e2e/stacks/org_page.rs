//! The page on which people see and change their organisation.

use super::{as_it_is, stack};
use crate::support::{Browser, Dev, Tab};

const ALICES: &str = "/org?userId=alice&org=acme";
const BOBS: &str = "/org?userId=bob&org=acme";

#[tokio::test]
async fn people_see_and_change_their_organisation_on_its_page() {
    let dev = stack("stack-org-page", "org", as_it_is).dev().await;
    let browser = Browser::open().await;
    let tab = an_owner_makes_a_list_and_lets_somebody_in(&dev, &browser).await;
    nothing_stands_in_anybodys_way(&dev, &browser).await;
    who_may_not_is_told_so(&dev).await;
    many_members_come_in_pages(&dev).await;
    an_owner_leaves_to_another(&dev, &tab).await;
    browser.close().await;
}

/// From the list that one has for oneself to the organisation's page, and from there to others.
async fn an_owner_makes_a_list_and_lets_somebody_in(dev: &Dev, browser: &Browser) -> Tab {
    let tab = browser
        .page_without_javascript(&dev.url("/?userId=alice&org=acme"))
        .await;
    tab.click("a.badge").await;
    tab.until_text("You are the only member").await;
    tab.until_text("There are none yet.").await;
    tab.until_text("The last owner stays").await;
    tab.type_into("#name", "plan <9> & \"more\"").await;
    tab.click("[value=add-list]").await;
    tab.until_text("Made by alice").await;
    tab.type_into("#user", "<i>bob</i>").await;
    tab.click("[value=add-member]").await;
    tab.until_text("<i>bob</i>\nMember since").await;
    tab.type_into("#user", "bob").await;
    tab.click("[value=add-member]").await;
    tab.until_text("has 3 members").await;

    tab.click("[aria-labelledby=lists] a").await;
    tab.until("document.querySelector('#new') !== null").await;
    tab.click("a.badge").await;
    tab.until_text("Back to plan <9> & \"more\"").await;
    tab.click("[aria-label='Remove: <i>bob</i>']").await;
    tab.until_text("has 2 members").await;
    tab.until_text("<i>bob</i>\nRemoved").await;
    tab.click("[aria-label='Make owner: bob']").await;
    tab.until_text("bob\nOwner since").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab
}

async fn nothing_stands_in_anybodys_way(dev: &Dev, browser: &Browser) {
    let tab = browser.page(&dev.url(ALICES)).await;
    tab.click("details summary").await;
    for dark in [false, true] {
        tab.prefers_dark(dark).await;
        for (width, height) in [(1_200, 900), (390, 844)] {
            tab.resize(width, height).await;
            tab.comes_to_rest().await;
            let found = tab.violations().await;
            assert_eq!(found, Vec::<String>::new(), "{dark} {width}");
            let is_too_wide = "document.documentElement.scrollWidth > innerWidth";
            assert_eq!(tab.eval(is_too_wide).await, false, "{dark} {width}");
        }
    }
}

/// Posts a form of the page; gives the status, and where it leads or what is said.
async fn post(dev: &Dev, page: &str, form: &str) -> (u16, String) {
    let request = dev.client.post(dev.url(page));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.body(form.to_owned()).send().await.unwrap();
    let status = response.status().as_u16();
    let there = response.headers().get("location").cloned();
    let text = response.text().await.unwrap();
    let said = there.map_or(text, |there| there.to_str().unwrap().to_owned());
    (status, said)
}

async fn who_may_not_is_told_so(dev: &Dev) {
    let dave = "/org?userId=dave&org=acme";
    let page = dev.text(dave).await;
    assert!(page.contains("dave (you)") && page.contains("add-list"));
    assert!(!page.contains("add-member") && !page.contains("Remove: "));
    for (page, form, status, why) in [
        (dave, "action=remove&user=bob", 403, "Only owners say"),
        (dave, "action=set&user=dave&role=owner", 403, "Only owners"),
        (dave, "action=add-list&name=+", 400, "1 to 64 characters"),
        (ALICES, "action=set&user=bob&role=king", 400, "an owner or"),
        (ALICES, "action=dance", 400, "The form says none of"),
        ("/org?org=acme", "action=add-list&name=x", 401, "Nobody"),
        ("/org?userId=dave", "action=add-list&name=x", 400, "Name an"),
    ] {
        let (was, said) = post(dev, page, form).await;
        assert_eq!(was, status, "{form}: {said}");
        assert!(said.contains(why), "{form}: {said}");
    }
    let made = post(dev, dave, "action=add-list&name=dinner").await;
    assert_eq!(made, (303, dave.to_owned()));
    assert!(dev.text(BOBS).await.contains("Made by dave"));

    let foreign = dev.client.post(dev.url(ALICES));
    let foreign = foreign.header("origin", "https://evil.example");
    let foreign = foreign.header("content-type", "application/x-www-form-urlencoded");
    let foreign = foreign.body("action=remove&user=dave");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert!(dev.text(dave).await.contains("dave (you)"));
}

async fn many_members_come_in_pages(dev: &Dev) {
    for member in 0..200 {
        let form = format!("action=add-member&user=m{member:03}&role=member");
        assert_eq!(post(dev, ALICES, &form).await.0, 303);
    }
    let first = dev.text(ALICES).await;
    assert!(first.contains("1–200 of 204") && first.contains("m196"));
    assert!(!first.contains("m197"), "members come by their names");
    let (_, next) = first.split_once("rel=\"next\" href=\"").unwrap();
    let (next, _) = next.split_once('"').unwrap();
    let rest = dev.text(&next.replace("&amp;", "&")).await;
    assert!(rest.contains("201–204 of 204") && rest.contains("m199"));
    // What is done there leads back there.
    let removed = post(
        dev,
        &format!("{ALICES}&from=200"),
        "action=remove&user=m199",
    )
    .await;
    assert_eq!(removed, (303, format!("{ALICES}&from=200")));
}

async fn an_owner_leaves_to_another(dev: &Dev, tab: &Tab) {
    tab.go(&dev.url(ALICES)).await;
    tab.click("details summary").await;
    tab.click("details [value=remove]").await;
    // To what stays theirs.
    tab.until("document.querySelector('#new') !== null").await;
    tab.go(&dev.url(ALICES)).await;
    tab.until_text("You were removed from this organisation.")
        .await;
    assert!(!dev.get(ALICES).await.text().await.unwrap().contains("bob"));
    assert_eq!(dev.get(ALICES).await.status(), 403);

    let (status, why) = post(dev, BOBS, "action=remove&user=bob").await;
    assert_eq!(status, 409);
    assert!(why.contains("The last owner stays: make somebody else one before."));
    let back = post(dev, BOBS, "action=set&user=alice&role=member").await;
    assert_eq!(back, (303, BOBS.to_owned()));
    assert!(dev.text(ALICES).await.contains("alice (you)"));
}
