//! The object's WebSockets by number, kept in JavaScript: a message to a thousand of them crosses
//! over once.

use wasm_bindgen::prelude::*;
use worker::js_sys::JsString;
use worker::web_sys::WebSocket;

#[wasm_bindgen(inline_js = r#"
    export class Sockets {
        #sockets = new Map();
        #numbers = new Map();

        add(number, socket) {
            this.#sockets.set(number, socket);
            this.#numbers.set(socket, number);
        }

        numberOf(socket) {
            return this.#numbers.get(socket);
        }

        remove(number) {
            const socket = this.#sockets.get(number);
            this.#sockets.delete(number);
            this.#numbers.delete(socket);
            return socket;
        }

        // The numbers of those whom nothing can be sent to any more.
        send(numbers, text) {
            const lost = [];
            for (const number of numbers) {
                try {
                    this.#sockets.get(number)?.send(text);
                } catch {
                    lost.push(number);
                }
            }
            return Uint32Array.from(lost);
        }
    }
"#)]
extern "C" {
    pub type Sockets;

    #[wasm_bindgen(constructor)]
    pub fn new() -> Sockets;

    #[wasm_bindgen(method)]
    pub fn add(this: &Sockets, number: u32, socket: &WebSocket);

    #[wasm_bindgen(method, js_name = numberOf)]
    pub fn number_of(this: &Sockets, socket: &WebSocket) -> Option<u32>;

    #[wasm_bindgen(method)]
    pub fn remove(this: &Sockets, number: u32) -> Option<WebSocket>;

    /// Returns those whom nothing can be sent to any more.
    #[wasm_bindgen(method)]
    pub fn send(this: &Sockets, numbers: &[u32], text: &JsString) -> Vec<u32>;
}
