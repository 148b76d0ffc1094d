//! Many rooms on one socket, as clients of TinyBase 9 and newer can ask for: each frame names a
//! channel. A host that has many rooms takes the WebSocket subprotocol [`PROTOCOL`] when a client
//! offers it; else frames are plain.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::frame::{Frame, FrameError, MAX_BYTES, SERVER};
use crate::json::{Malformed, Reader};
use crate::text::quote_into;

/// The WebSocket subprotocol that asks for channels.
pub const PROTOCOL: &str = "tinybase";

/// Whom a frame is for, in the place of a client, when it names a channel.
const CHANNEL: &str = "M";
/// The number of controls, among those of messages.
const CONTROL: f64 = -1.0;
const VERSION: f64 = 1.0;
const MAX_CHANNELS: usize = 100;
const MAX_ID_BYTES: usize = 1024;

/// What came over a socket with channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Multiplexed<'a> {
    /// The first word, version 1. Answered by the same frame.
    Hello {
        request: Cow<'a, str>,
    },
    /// Answered by the same frame.
    Subscribe {
        request: Cow<'a, str>,
        channel: Cow<'a, str>,
    },
    /// Not answered.
    Unsubscribe {
        channel: Cow<'a, str>,
    },
    Frame(ChannelFrame<'a>),
}

/// A frame in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelFrame<'a> {
    pub channel: &'a str,
    /// Channel and client in one, for [`crate::frame::Assembler::push`]: a socket has one
    /// assembler for all its channels, with the limits of one.
    pub sender: &'a str,
    pub frame: Frame<'a>,
}

impl<'a> Multiplexed<'a> {
    pub fn parse(text: &'a str) -> Result<Self, FrameError> {
        if text.len() > MAX_BYTES {
            return Err(FrameError::TooLong);
        }
        match text.split_once('\n') {
            Some((SERVER, control)) => Self::parse_control(control),
            Some((CHANNEL, rest)) => {
                let (channel, plain) = rest.split_once('\n').ok_or(FrameError::Malformed)?;
                check_id(channel)?;
                let frame = Frame::parse(plain)?;
                let sender = &rest[..channel.len() + 1 + frame.client.len()];
                Ok(Self::Frame(ChannelFrame {
                    channel,
                    sender,
                    frame,
                }))
            }
            _ => Err(FrameError::Malformed),
        }
    }

    fn parse_control(json: &'a str) -> Result<Self, FrameError> {
        let mut reader = Reader::new(json);
        let control = read_control(&mut reader).map_err(|_| FrameError::Malformed)?;
        let channel = match &control {
            Self::Subscribe { channel, .. } | Self::Unsubscribe { channel } => Some(channel),
            Self::Hello { .. } | Self::Frame(_) => None,
        };
        channel.map_or(Ok(()), |channel| check_id(channel))?;
        Ok(control)
    }
}

/// `[request, -1, [control, body]]`.
fn read_control<'a>(reader: &mut Reader<'a>) -> Result<Multiplexed<'a>, Malformed> {
    const EXPECTED: &str = "[request, -1, [control, body]]";
    reader.expect(b'[', EXPECTED)?;
    let request = if reader.literal("null") {
        None
    } else {
        Some(reader.string()?)
    };
    reader.expect(b',', EXPECTED)?;
    if reader.number()? != CONTROL {
        return reader.wrong("-1 before");
    }
    reader.expect(b',', EXPECTED)?;
    reader.expect(b'[', EXPECTED)?;
    let control = reader.whole()?;
    reader.expect(b',', EXPECTED)?;
    let control = match (control, request) {
        (0, Some(request)) => {
            if reader.number()? != VERSION {
                return reader.wrong("version 1 before");
            }
            Multiplexed::Hello { request }
        }
        (1, Some(request)) => Multiplexed::Subscribe {
            request,
            channel: reader.string()?,
        },
        (2, None) => Multiplexed::Unsubscribe {
            channel: reader.string()?,
        },
        _ => return reader.wrong("hello or subscribe with a request, or unsubscribe without"),
    };
    reader.expect(b']', EXPECTED)?;
    reader.expect(b']', EXPECTED)?;
    reader.end()?;
    Ok(control)
}

/// A channel's id is part of a path.
fn check_id(channel: &str) -> Result<(), FrameError> {
    if channel.len() > MAX_ID_BYTES {
        return Err(FrameError::TooManyChannels);
    }
    let mut parts = channel.split('/');
    if channel.contains(['\n', '\r', '?', '#']) || parts.any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(FrameError::Malformed);
    }
    Ok(())
}

/// The channels that one socket has subscribed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channels(BTreeSet<Box<str>>);

/// What a host is to do with a frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Send this back.
    Answer(&'a str),
    /// The socket comes into the room of the channel: send `answer` back, then greet it there.
    Enter {
        channel: Cow<'a, str>,
        answer: &'a str,
    },
    /// The socket is no longer in the room.
    Leave(Cow<'a, str>),
    /// To be routed in the room of its channel.
    Route(ChannelFrame<'a>),
    Nothing,
}

impl Channels {
    /// As they were before the host forgot them: what [`Channels::ids`] gave.
    pub fn resumed<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self(ids.into_iter().map(Box::from).collect())
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|id| &**id)
    }

    pub fn contains(&self, channel: &str) -> bool {
        self.0.contains(channel)
    }

    /// Takes in what the socket sent. After an error the socket is to be closed. Subscribing
    /// before the hello, which TinyBase passes over in silence, is subscribing.
    pub fn take<'a>(&mut self, text: &'a str) -> Result<Step<'a>, FrameError> {
        Ok(match Multiplexed::parse(text)? {
            Multiplexed::Hello { .. } => Step::Answer(text),
            Multiplexed::Subscribe { channel, .. } if self.contains(&channel) => Step::Answer(text),
            Multiplexed::Subscribe { channel, .. } => {
                if self.0.len() == MAX_CHANNELS {
                    return Err(FrameError::TooManyChannels);
                }
                self.0.insert(Box::from(&*channel));
                Step::Enter {
                    channel,
                    answer: text,
                }
            }
            Multiplexed::Unsubscribe { channel } => {
                if self.0.remove(&*channel) {
                    Step::Leave(channel)
                } else {
                    Step::Nothing
                }
            }
            Multiplexed::Frame(frame) if self.contains(frame.channel) => Step::Route(frame),
            Multiplexed::Frame(_) => return Err(FrameError::Malformed),
        })
    }
}

/// A frame as [`crate::frame::write`] makes it, in a channel.
pub fn write(channel: &str, frame: &str) -> String {
    [CHANNEL, "\n", channel, "\n", frame].concat()
}

/// A client's first word. `request` is any text that no other question of the socket has.
pub fn hello(request: &str) -> String {
    write_control(Some(request), 0, |out| out.push('1'))
}

pub fn subscribe(request: &str, channel: &str) -> String {
    write_control(Some(request), 1, |out| quote_into(out, channel))
}

pub fn unsubscribe(channel: &str) -> String {
    write_control(None, 2, |out| quote_into(out, channel))
}

fn write_control(request: Option<&str>, control: u8, body: impl FnOnce(&mut String)) -> String {
    let mut out = format!("{SERVER}\n[");
    match request {
        Some(request) => quote_into(&mut out, request),
        None => out.push_str("null"),
    }
    out.push_str(",-1,[");
    out.push(char::from(b'0' + control));
    out.push(',');
    body(&mut out);
    out.push_str("]]");
    out
}
