//! The object's backups: made by its alarm after changes and when somebody asks for one, and how a
//! list becomes what it was.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use serde_json::json;
use wasm_bindgen::JsValue;
use worker::js_sys::Date;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::web_sys::Response;
use worker::{Env, console_error};

use super::{Awake, Object, Posted, number};
use crate::answer;
use crate::api::refuse;
use crate::backup::{self, Backup};
use crate::duties::{self, Duty};
use crate::hop::Visit;
use crate::identity::query_value;
use crate::js::{iso, now};
use crate::restore::{self, Stopped};
use crate::room::{Mail, To, Turn};
use crate::unsaved;
use crate::vault::Vault;

/// Milliseconds after which a backup that failed is tried again, at most.
const AGAIN: u64 = 600_000;
/// Bytes beyond which everybody is left to ask for what changed, rather than told.
const LONG: usize = 1_048_576;
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// What the worker's variables say about backups.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// Milliseconds from a change to its backup. `None`: there is none by itself.
    every: Option<u64>,
    /// Milliseconds for which all are kept.
    keeps: u64,
}

impl Plan {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "beyond what fits it is the greatest number that does"
    )]
    pub(super) fn of(env: &Env) -> Self {
        let seconds = number(env, "BACKUP_EVERY").map_or(backup::EVERY, |number| number as u64);
        let days = number(env, "BACKUP_DAYS").map_or(backup::DAYS, |number| number as u64);
        let on = seconds > 0 && !is_unbound(env);
        Self {
            every: on.then_some(seconds.saturating_mul(1_000)),
            keeps: days.saturating_mul(DAY),
        }
    }

    /// When to try again what failed.
    fn again(self, now: u64) -> u64 {
        now + self.every.unwrap_or(AGAIN).min(AGAIN)
    }
}

impl Awake {
    /// Finds out which lists are to be backed up.
    pub(super) fn prepare_backups(&mut self, now: u64) -> worker::Result<()> {
        unsaved::prepare(&self.disk)?;
        if self.plan.every.is_some() {
            self.unsaved.extend(unsaved::all(&self.disk)?);
            // One was under way when the object was killed.
            if !self.unsaved.is_empty() && !duties::is_scheduled(&self.disk, Duty::BackUp)? {
                duties::schedule(&self.disk, Duty::BackUp, self.plan.again(now))?;
            }
        }
        Ok(())
    }

    /// Takes note of a change that is to be backed up.
    pub(super) fn note_change(&mut self, list: &str) -> Result<(), JsValue> {
        if !self.unsaved.contains(list) {
            unsaved::note(&self.disk, list)?;
            self.unsaved.insert(list.to_owned());
            if let Some(every) = self.plan.every {
                duties::schedule(&self.disk, Duty::BackUp, now() + every)?;
            }
        }
        Ok(())
    }

    /// Makes a list what it was: all of it or nothing. Whoever has it open follows.
    fn restore(&mut self, list: &str, bytes: &[u8]) -> Result<Result<usize, String>, JsValue> {
        self.room(list)?;
        let Some(mut room) = self.rooms.remove(list) else {
            return Err("a list went as it came".into());
        };
        let (disk, attic, now) = (&self.disk, self.attic.as_ref(), now());
        let (mut turns, mut stopped, mut late) = (Vec::new(), None, false);
        let written = disk.transaction(|| {
            let write = |turn: Turn| {
                disk.save(list, &turn.entries, &turn.gone)?;
                if let Some(attic) = attic {
                    late |= attic.note(&turn.late)?;
                }
                turns.push(Turn {
                    entries: Vec::new(),
                    gone: Vec::new(),
                    late: Vec::new(),
                    ..turn
                });
                Ok(())
            };
            let outcome = restore::restore(&mut room, bytes, || disk.size(), now, write);
            let failed = outcome.is_err();
            stopped = Some(outcome);
            if failed {
                return Err("the list could not be restored".into());
            }
            Ok(())
        });
        let announcement = room.announce(now);
        self.rooms.insert(list.to_owned(), room);
        self.keep_front_if_long(list);
        let changed = match stopped {
            Some(Ok(changed)) => changed,
            failed => {
                self.spoilt = true;
                return match failed {
                    Some(Err(Stopped::Damaged(why))) => {
                        Ok(Err(format!("The backup can't be read: {why}.")))
                    }
                    Some(Err(Stopped::Refused(rejection))) => Ok(Err(rejection.reason)),
                    Some(Err(Stopped::Unwritten(error))) => Err(error),
                    _ => written.map(|()| Ok(0)),
                };
            }
        };
        if let Err(error) = written {
            self.spoilt = true;
            return Err(error);
        }
        self.kept.forget();
        self.measures.metrics.edit();
        self.note_change(list)?;
        self.plan_archiving()?;
        if late {
            duties::schedule(&self.disk, Duty::Restore, now)?;
        }
        let length = |mail: &Mail| mail.texts.iter().map(String::len).sum::<usize>();
        let length: usize = turns.iter().flat_map(|turn| &turn.mail).map(length).sum();
        if length > LONG {
            for turn in &mut turns {
                turn.mail.retain(|mail| matches!(mail.to, To::Members(_)));
            }
            turns.push(announcement);
        }
        for turn in turns {
            self.tell(list, turn)?;
        }
        Ok(Ok(changed))
    }
}

impl Object {
    fn vault(&self, list: &str) -> Result<Option<Vault>, JsValue> {
        let id = self.state.id();
        let name = id.name().unwrap_or_else(|| id.to_string());
        match Vault::open(&self.env, backup::folder(&name, list)) {
            Ok(vault) => Ok(Some(vault)),
            Err(_) if is_unbound(&self.env) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a backup of a list, unless the last one has the same; and whether it did.
    async fn back_up(&self, vault: &Vault, list: &str) -> Result<(Backup, bool), JsValue> {
        let newest = vault.all().await?.pop();
        let (packed, change) = {
            let mut awake = self.awake()?;
            awake.unsaved.remove(list);
            let change = unsaved::number(&awake.disk, list)?;
            let packed = backup::pack(awake.room(list)?.list().store());
            (packed.map_err(|error| error.to_string())?, change)
        };
        let (backup, made) = match newest.filter(|newest| newest.state == packed.state) {
            Some(newest) => (newest, false),
            None => (vault.put(packed, iso(now())).await?, true),
        };
        unsaved::saved(&self.awake()?.disk, list, change)?;
        Ok((backup, made))
    }

    /// Backs up what changed, and forgets what is old. What fails is tried again.
    pub(super) async fn back_up_all(&self) -> Result<(), JsValue> {
        let lists = unsaved::all(&self.awake()?.disk)?;
        for list in lists {
            let outcome = self.back_up_and_forget(&list).await;
            let failed = outcome.is_err();
            let mut awake = self.awake()?;
            if let Err(error) = outcome {
                console_error!("no backup of `{}` was made: {:?}", list, error);
                let again = awake.plan.again(now());
                duties::schedule(&awake.disk, Duty::BackUp, again)?;
            }
            awake.measures.metrics.duty(failed, now());
        }
        Ok(())
    }

    async fn back_up_and_forget(&self, list: &str) -> Result<(), JsValue> {
        {
            let mut awake = self.awake()?;
            // It was taken elsewhere.
            if !awake.disk.has_entries(list)? {
                awake.unsaved.remove(list);
                let number = unsaved::number(&awake.disk, list)?;
                return unsaved::saved(&awake.disk, list, number);
            }
        }
        let Some(vault) = self.vault(list)? else {
            return Ok(());
        };
        self.back_up(&vault, list).await?;
        let before = now().saturating_sub(self.awake()?.plan.keeps);
        let all = vault.all().await?;
        vault.delete(&backup::expired(&all, &iso(before))).await?;
        Ok(())
    }

    /// Tells which backups there are, the newest first.
    async fn backups(&self, visit: &Visit) -> Result<Response, JsValue> {
        let Some(vault) = self.vault(&visit.list)? else {
            return no_vault();
        };
        let mut all = vault.all().await?;
        all.reverse();
        answer::json(200, &json!(all))
    }

    async fn make(&self, list: &str) -> Result<Response, JsValue> {
        let Some(vault) = self.vault(list)? else {
            return no_vault();
        };
        let (backup, made) = self.back_up(&vault, list).await?;
        answer::json(if made { 201 } else { 200 }, &json!(backup))
    }

    /// Makes a list what it was at a time, as milliseconds since 1970.
    async fn restore(self: &Rc<Self>, list: &str, at: u64) -> Result<Response, JsValue> {
        let Some(vault) = self.vault(list)? else {
            return no_vault();
        };
        let all = vault.all().await?;
        let Some(backup) = backup::newest_until(&all, &iso(at)).cloned() else {
            return refuse(404, "There is no backup from before then.");
        };
        let Some(bytes) = vault.get(&backup).await? else {
            return refuse(404, "The backup is gone: it was old.");
        };
        // Nobody edits between the backup of what is and its end, so that it can be undone.
        let (object, list) = (Rc::clone(self), list.to_owned());
        let restoring = async move {
            let undo = if object.awake()?.disk.has_entries(&list)? {
                Some(object.back_up(&vault, &list).await?.0.at)
            } else {
                None
            };
            let restored = object.awake()?.restore(&list, &bytes)?;
            Ok::<_, JsValue>((restored, undo))
        };
        let restoring = async move { Ok(restoring.await) };
        let outcome: Result<_, JsValue> = self.state.block_concurrency_while(restoring).await?;
        let (restored, undo) = outcome?;
        match restored {
            Ok(changed) => {
                let told = json!({ "restored": backup.at, "changed": changed, "undo": undo });
                answer::json(200, &told)
            }
            Err(why) => refuse(409, &why),
        }
    }

    /// Answers what is asked about backups.
    pub(super) fn answer_backups(self: &Rc<Self>, visit: Visit, cookie: Option<&str>) -> JsValue {
        let (object, cookie) = (Rc::clone(self), cookie.map(str::to_owned));
        let answer = async move {
            let response = object.backups(&visit).await?;
            answer::with_cookie(response, cookie.as_deref()).map(Into::into)
        };
        future_to_promise(AssertUnwindSafe(answer)).into()
    }

    /// Makes a backup or restores one, as a form says.
    pub(super) async fn do_with_backups(
        self: &Rc<Self>,
        form: &str,
        posted: &Posted,
    ) -> Result<Response, JsValue> {
        let list = &posted.visit.list;
        let field = |name| query_value(form, name).and_then(Result::ok);
        let response = match field("action").as_deref() {
            Some("make") => self.make(list).await?,
            Some("restore") => match field("at").as_deref().and_then(time) {
                Some(at) => self.restore(list, at).await?,
                None => refuse(400, "Say at which time, as 2026-11-28T04:00:00Z.")?,
            },
            _ => refuse(400, "The form's action is neither make nor restore.")?,
        };
        answer::with_cookie(response, posted.cookie.as_deref())
    }
}

fn is_unbound(env: &Env) -> bool {
    worker::js_sys::Reflect::get(env, &"BACKUPS".into()).is_ok_and(|bound| bound.is_undefined())
}

fn no_vault() -> Result<Response, JsValue> {
    refuse(404, "There are no backups: no bucket is bound as BACKUPS.")
}

/// The time that a text tells, in milliseconds since 1970.
fn time(text: &str) -> Option<u64> {
    let ms = Date::parse(text);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number of milliseconds after 1970"
    )]
    (ms >= 0.0).then_some(ms as u64)
}
