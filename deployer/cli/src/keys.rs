//! Single keys from the terminal, while signals and output go on as usual.

use std::io::IsTerminal as _;

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

/// Gives each key as it is pressed; restores the terminal when dropped.
pub(crate) struct Keys {
    pressed: mpsc::UnboundedReceiver<char>,
    before: Termios,
}

impl Keys {
    /// `None` without a terminal, or in the background, where reading would stop the process.
    pub(crate) fn read() -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || tcgetpgrp(&stdin).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut modes = before.clone();
        // Only line editing and echo go: Ctrl-C stays a signal, `\n` stays a new line.
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        tcsetattr(&stdin, OptionalActions::Now, &modes).ok()?;
        let (sender, pressed) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut stdin = tokio::io::stdin();
            let mut buffer = [0; 64];
            while let Ok(length @ 1..) = stdin.read(&mut buffer).await {
                for key in pressed_in(&buffer[..length]) {
                    if sender.send(key).is_err() {
                        return;
                    }
                }
            }
        });
        Some(Self { pressed, before })
    }

    pub(crate) async fn next(&mut self) -> Option<char> {
        self.pressed.recv().await
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Nothing is left to do where the terminal itself is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The plain keys in what a terminal sent. Arrows and function keys are escape sequences, and none
/// of ours.
fn pressed_in(bytes: &[u8]) -> Vec<char> {
    let mut keys = Vec::new();
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        if byte != 0x1b {
            keys.push(char::from(byte));
        } else if let Some(b'[' | b'O') = bytes.next() {
            // Parameters, and the letter or tilde that ends them.
            bytes.find(|byte| (0x40..=0x7e).contains(*byte));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_no_keys() {
        assert_eq!(pressed_in(b"rq"), ['r', 'q']);
        assert_eq!(pressed_in(b"\x1b[Aq"), ['q']);
        assert_eq!(pressed_in(b"r\x1b[15~\x1bOPl"), ['r', 'l']);
        assert!(pressed_in(b"\x1b").is_empty());
        assert!(pressed_in(b"\x1bq").is_empty());
    }
}
