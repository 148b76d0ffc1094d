//! Bodies of requests, read no further than they may be long.

use futures_util::StreamExt as _;
use wasm_bindgen::JsValue;
use worker::web_sys::Request;

/// All bytes of the body. `None`: there are more than `most`.
pub async fn read(request: &Request, most: usize) -> Result<Option<Vec<u8>>, JsValue> {
    let mut bytes = Vec::new();
    if request.body().is_some() {
        let mut chunks = worker::Request::from(Clone::clone(request))
            .stream()
            .map_err(JsValue::from)?;
        while let Some(chunk) = chunks.next().await {
            bytes.extend(chunk.map_err(JsValue::from)?);
            if bytes.len() > most {
                return Ok(None);
            }
        }
    }
    Ok(Some(bytes))
}
