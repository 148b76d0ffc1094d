//! Tables and choices, each written once: for the reader and for the schema.

/// A table of the format: its keys, once, for the reader and for the schema.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident { $($(#[$key_meta:meta])* $need:ident $field:ident $key:literal: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$key_meta])* #[schemars(rename = $key)] pub(crate) $field: Option<$type>,)*
            /// How many keys were written, be they right or wrong.
            #[schemars(skip)]
            #[allow(dead_code, reason = "asked for by the tables that want one key of several")]
            pub(crate) keys_written: usize,
        }

        impl $crate::reader::Read for $name {
            fn wanted() -> std::borrow::Cow<'static, str> {
                "a table".into()
            }

            fn fits(value: &$crate::tree::Value) -> bool {
                matches!(value, $crate::tree::Value::Table(_))
            }

            fn read_fitting(
                node: &$crate::tree::Node,
                report: &mut $crate::report::Report,
            ) -> Option<Self> {
                const KNOWN: &[&str] = &[$($key),*];
                let table = node.as_table()?;
                let read = Self {
                    $($field: match table.get($key) {
                        Some(value) => $crate::reader::Read::read(value, report),
                        None => $crate::reader::missing!($need node $key KNOWN report),
                    },)*
                    keys_written: table.entries.len(),
                };
                $crate::reader::refuse_unknown(table, KNOWN, report);
                Some(read)
            }
        }
    };
}

/// What a missing key means.
macro_rules! missing {
    (required $node:ident $key:literal $known:ident $report:ident) => {{
        $crate::reader::refuse_missing($node, $key, $known, $report);
        None
    }};
    (optional $node:ident $key:literal $known:ident $report:ident) => {
        None
    };
}

/// A string that is one of a few.
macro_rules! choices {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$choice_meta:meta])* $choice:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$choice_meta])* #[schemars(rename = $text)] $choice,)*
        }

        impl $name {
            /// As it is written in the manifest, and as Cloudflare's API wants it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$choice => $text,)*
                }
            }
        }

        impl $crate::reader::Read for $name {
            fn wanted() -> std::borrow::Cow<'static, str> {
                "a string".into()
            }

            fn fits(value: &$crate::tree::Value) -> bool {
                matches!(value, $crate::tree::Value::String(_))
            }

            fn read_fitting(
                node: &$crate::tree::Node,
                report: &mut $crate::report::Report,
            ) -> Option<Self> {
                let text = <String as $crate::reader::Read>::read(node, report)?;
                match text.as_str() {
                    $($text => Some(Self::$choice),)*
                    _ => {
                        $crate::reader::refuse_choice(node, &text, &[$($text),*], report);
                        None
                    }
                }
            }
        }
    };
}

pub(crate) use {choices, missing, table};
