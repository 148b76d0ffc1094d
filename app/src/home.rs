//! Where a user's object is: near to where they first came from, for good. An object of their own,
//! `home-<user>`, remembers the region; an isolate asks it once.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::js_sys::{Object, Reflect};
use worker::web_sys::Request;

use crate::api::answer_of;
use crate::call::Call;
use crate::js::{Bindings, Namespace, Stub};
use crate::region::Region;
use crate::shard;

/// Homes that an isolate keeps in mind.
const MOST: usize = 10_000;

thread_local! {
    static HOMES: RefCell<HashMap<String, Region>> = RefCell::default();
}

/// What an object that remembers a home answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Home {
    pub region: Region,
}

#[wasm_bindgen]
extern "C" {
    type Located;

    #[wasm_bindgen(method, getter)]
    fn cf(this: &Located) -> Option<Place>;

    type Place;

    #[wasm_bindgen(method, getter)]
    fn continent(this: &Place) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn country(this: &Place) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn longitude(this: &Place) -> Option<String>;
}

/// Where a request comes from; for trying things out, where the variable `REGION` says.
pub fn region_of(request: &Request, bindings: &Bindings) -> Result<Region, String> {
    if let Some(name) = bindings.region() {
        return Region::named(&name).ok_or_else(|| format!("`{name}` is no region."));
    }
    let request: &Located = request.unchecked_ref();
    let place = request.cf();
    let part = |part: fn(&Place) -> Option<String>| place.as_ref().and_then(part);
    let longitude = part(Place::longitude).and_then(|degrees| degrees.parse().ok());
    Ok(Region::of(
        &part(Place::continent).unwrap_or_default(),
        &part(Place::country).unwrap_or_default(),
        longitude,
    ))
}

/// The object of a user who comes from here now.
pub async fn find(user: &str, here: Region, bindings: &Bindings) -> Result<Stub, JsValue> {
    let stores = stores(bindings)?;
    let known = HOMES.with_borrow(|homes| homes.get(user).copied());
    let region = if let Some(region) = known {
        region
    } else {
        let home = located(&stores, &shard::home(user), here)?;
        let Home { region } = answer_of(&home, &Call::Home(here)).await?;
        HOMES.with_borrow_mut(|homes| {
            if homes.len() >= MOST {
                homes.clear();
            }
            homes.insert(user.to_owned(), region);
        });
        region
    };
    located(&stores, &shard::region_user(region, user), region)
}

/// The objects of the jurisdiction that the variable `JURISDICTION` names, if any.
fn stores(bindings: &Bindings) -> Result<Namespace, JsValue> {
    let stores = bindings.stores().ok_or("TINYBASE_STORE is not bound")?;
    let Some(name) = bindings.jurisdiction().filter(|name| !name.is_empty()) else {
        return Ok(stores);
    };
    match stores.within(&name) {
        Ok(stores) => Ok(stores),
        // As workerd says it by itself: on one machine all is in one place.
        Err(error) if says(&error, "not implemented in workerd") => Ok(stores),
        Err(error) => Err(error),
    }
}

fn says(error: &JsValue, text: &str) -> bool {
    let message = Reflect::get(error, &"message".into());
    let message = message.ok().and_then(|message| message.as_string());
    message.is_some_and(|message| message.contains(text))
}

/// The object of that name; made there, should it not be yet.
fn located(stores: &Namespace, name: &str, region: Region) -> Result<Stub, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"locationHint".into(), &region.name().into())?;
    stores.get_by_name_with(name, &options)
}
