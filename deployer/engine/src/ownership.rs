//! Whose a worker is: tags on the script say it, and nothing without them is touched.

use crate::Owner;

const STACK: &str = "tiny:stack=";
const STAGE: &str = "tiny:stage=";
const ID: &str = "tiny:id=";

/// What the tags of a script say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tags<'a> {
    pub stack: Option<&'a str>,
    pub stage: Option<&'a str>,
    /// Its id in the manifest.
    pub id: Option<&'a str>,
}

impl<'a> Tags<'a> {
    /// Foreign tags are passed over.
    pub fn read(tags: &'a [String]) -> Self {
        let find = |prefix| tags.iter().find_map(|tag| tag.strip_prefix(prefix));
        Self {
            stack: find(STACK),
            stage: find(STAGE),
            id: find(ID),
        }
    }

    /// The tags to put on a worker, sorted.
    pub fn write(stack: &str, stage: &str, id: &str) -> Vec<String> {
        vec![
            format!("{ID}{id}"),
            format!("{STACK}{stack}"),
            format!("{STAGE}{stage}"),
        ]
    }

    /// Whose the worker is, seen from this stack and stage.
    pub fn owner(self, stack: &str, stage: &str) -> Owner {
        match (self.stack, self.stage) {
            (Some(its_stack), Some(its_stage)) if its_stack == stack && its_stage == stage => {
                Owner::Ours
            }
            (Some(its_stack), its_stage) => Owner::Other {
                stack: its_stack.to_owned(),
                stage: its_stage.unwrap_or("?").to_owned(),
            },
            (None, _) => Owner::Unmarked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut tags = Tags::write("shop", "prod", "web");
        tags.push("cf:service=x".to_owned());
        let read = Tags::read(&tags);
        assert_eq!(read.id, Some("web"));
        assert_eq!(read.owner("shop", "prod"), Owner::Ours);
        assert_eq!(
            read.owner("shop", "dev"),
            Owner::Other {
                stack: "shop".to_owned(),
                stage: "prod".to_owned()
            }
        );
        assert_eq!(Tags::read(&[]).owner("shop", "prod"), Owner::Unmarked);
    }
}
