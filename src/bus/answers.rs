//! Answers while they are being written: an ephemeral topic beside the signals. Nothing of it is
//! stored, and pieces may be lost; the finished message is an entry of the journal.
//!
//! Each node holds what it has heard of each answer, so whoever begins to follow is given what is
//! written so far and then what is added; who is slow is given more at a time. Other nodes are told
//! only of conversations that someone there follows, a few times a second, and are told all of it
//! again whenever they say that they still follow: what was lost on the way is mended by that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// How often other nodes are told what was added: words then come as fast as people read.
pub(super) const TELL_EVERY: Duration = Duration::from_millis(100);

/// How often a follower says that it is still there.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// How long other nodes are told after the last time that they said so.
const WANTED_FOR: Duration = Duration::from_secs(35);

/// Text in one piece. A notification has 8000 bytes, and JSON takes six for some characters.
const MAX_PIECE_BYTES: usize = 1200;

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    Text,
    Reasoning,
    ToolArguments,
}

/// More of an answer, for a follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The message to come.
    pub message: Uuid,
    /// Which of its parts.
    pub part: usize,
    /// What that is.
    pub kind: Kind,
    /// To be appended, or all there is of the part.
    pub text: String,
    /// It is all there is of the part so far.
    pub is_all: bool,
}

/// What nodes tell each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// A piece of an answer.
    Said {
        /// Whose answer.
        conversation: Uuid,
        /// The message to come.
        message: Uuid,
        /// Which of its parts.
        part: usize,
        /// What that is.
        kind: Kind,
        /// Bytes of the part before it.
        offset: usize,
        /// The piece.
        text: String,
    },
    /// The answer is stored, or given up.
    Ended {
        /// Whose answer.
        conversation: Uuid,
        /// The message.
        message: Uuid,
    },
    /// Someone here follows.
    Wanted {
        /// Whose answers.
        conversation: Uuid,
    },
}

#[derive(Debug, Default)]
struct Topic {
    answer: Option<Answer>,
    /// Counts up with each change.
    followers: watch::Sender<u64>,
    wanted_until: Option<Instant>,
}

#[derive(Debug)]
struct Answer {
    message: Uuid,
    parts: Vec<Written>,
    /// It is written on this node.
    is_ours: bool,
}

#[derive(Debug)]
struct Written {
    kind: Kind,
    text: String,
    /// Bytes that other nodes were told.
    told: usize,
}

impl Topic {
    fn changed(&self) {
        self.followers.send_modify(|version| *version += 1);
    }

    /// Nobody follows it here, and nobody writes in it here: what is known of another node's answer
    /// is told again to whoever comes.
    fn is_idle(&self) -> bool {
        let is_ours = self.answer.as_ref().is_some_and(|answer| answer.is_ours);
        !is_ours && self.followers.receiver_count() == 0
    }
}

#[derive(Debug, Default)]
struct Board {
    topics: HashMap<Uuid, Topic>,
    /// To be told to other nodes; none where there are no others.
    notes: Option<Vec<Note>>,
}

/// All answers that this node knows of. Clones share them. By default of a node that is alone.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Mutex<Board>>);

impl Answers {
    /// Of a node beside others, which are told [`notes`](Self::notes).
    pub(super) fn shared() -> Self {
        let answers = Self::default();
        answers.board().notes = Some(Vec::new());
        answers
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // No holder panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer begins here. It ends when what is returned is dropped.
    pub fn begin(&self, conversation: Uuid, message: Uuid) -> Writing {
        let mut board = self.board();
        let topic = board.topics.entry(conversation).or_default();
        topic.answer = Some(Answer {
            message,
            parts: Vec::new(),
            is_ours: true,
        });
        Writing {
            answers: self.clone(),
            conversation,
            message,
        }
    }

    /// Follows the answers of a conversation.
    pub fn follow(&self, conversation: Uuid) -> Following {
        let mut board = self.board();
        let changes = board
            .topics
            .entry(conversation)
            .or_default()
            .followers
            .subscribe();
        board.note(Note::Wanted { conversation });
        Following {
            answers: self.clone(),
            conversation,
            changes: Some(changes),
            message: None,
            heard: Vec::new(),
            asked_at: Instant::now(),
        }
    }

    /// Takes what another node says.
    pub(super) fn hear(&self, note: Note) {
        let mut board = self.board();
        match note {
            Note::Wanted { conversation } => {
                let topic = board.topics.entry(conversation).or_default();
                topic.wanted_until = Some(Instant::now() + WANTED_FOR);
                for part in topic.answer.iter_mut().flat_map(|answer| &mut answer.parts) {
                    part.told = 0;
                }
            }
            Note::Ended {
                conversation,
                message,
            } => board.end(conversation, message),
            Note::Said {
                conversation,
                message,
                part,
                kind,
                offset,
                text,
            } => {
                // Nobody follows here any more.
                let Some(topic) = board.topics.get_mut(&conversation) else {
                    return;
                };
                if topic
                    .answer
                    .as_ref()
                    .is_none_or(|answer| answer.message != message)
                {
                    topic.answer = Some(Answer {
                        message,
                        parts: Vec::new(),
                        is_ours: false,
                    });
                }
                let Some(answer) = topic.answer.as_mut().filter(|answer| !answer.is_ours) else {
                    return;
                };
                if part == answer.parts.len() && offset == 0 {
                    answer.parts.push(Written {
                        kind,
                        text: String::new(),
                        told: 0,
                    });
                }
                // What is missing in between comes with the next telling of all.
                if let Some(written) = answer.parts.get_mut(part)
                    && let Some(known) = written.text.len().checked_sub(offset)
                    && let Some(more) = text.get(known..)
                    && !more.is_empty()
                {
                    written.text.push_str(more);
                    topic.changed();
                }
            }
        }
    }

    /// What other nodes are to be told now.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut board = self.board();
        let now = Instant::now();
        let mut notes = Vec::new();
        for (conversation, topic) in &mut board.topics {
            if topic.wanted_until.is_some_and(|until| until < now) {
                topic.wanted_until = None;
            }
            let answer = topic.answer.as_mut().filter(|answer| answer.is_ours);
            if let Some(answer) = answer
                && topic.wanted_until.is_some()
            {
                answer.tell(*conversation, &mut notes);
            }
        }
        notes.extend(board.notes.iter_mut().flat_map(std::mem::take));
        board
            .topics
            .retain(|_, topic| !topic.is_idle() || topic.wanted_until.is_some());
        notes
    }
}

impl Board {
    fn note(&mut self, note: Note) {
        if let Some(notes) = &mut self.notes {
            notes.push(note);
        }
    }

    fn end(&mut self, conversation: Uuid, message: Uuid) {
        let Some(topic) = self.topics.get_mut(&conversation) else {
            return;
        };
        if topic
            .answer
            .as_ref()
            .is_some_and(|answer| answer.message == message)
        {
            topic.answer = None;
        }
        if topic.is_idle() && topic.wanted_until.is_none() {
            self.topics.remove(&conversation);
        }
    }
}

impl Answer {
    fn tell(&mut self, conversation: Uuid, notes: &mut Vec<Note>) {
        for (part, written) in self.parts.iter_mut().enumerate() {
            while written.told < written.text.len() {
                let rest = &written.text[written.told..];
                let end = rest
                    .char_indices()
                    .map(|(at, c)| at + c.len_utf8())
                    .take_while(|end| *end <= MAX_PIECE_BYTES)
                    .last();
                let piece = &rest[..end.unwrap_or(rest.len())];
                notes.push(Note::Said {
                    conversation,
                    message: self.message,
                    part,
                    kind: written.kind,
                    offset: written.told,
                    text: piece.to_owned(),
                });
                written.told += piece.len();
            }
        }
    }
}

/// An answer that is being written here.
#[derive(Debug)]
#[must_use]
pub struct Writing {
    answers: Answers,
    conversation: Uuid,
    message: Uuid,
}

impl Writing {
    /// The message to come.
    pub fn message(&self) -> Uuid {
        self.message
    }

    /// More of a part.
    pub fn say(&self, part: usize, kind: Kind, more: &str) {
        let mut board = self.answers.board();
        let Some(topic) = board.topics.get_mut(&self.conversation) else {
            return;
        };
        let Some(answer) = topic
            .answer
            .as_mut()
            .filter(|answer| answer.message == self.message)
        else {
            return;
        };
        while answer.parts.len() <= part {
            answer.parts.push(Written {
                kind,
                text: String::new(),
                told: 0,
            });
        }
        let written = &mut answer.parts[part];
        written.kind = kind;
        written.text.push_str(more);
        topic.changed();
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let (conversation, message) = (self.conversation, self.message);
        let mut board = self.answers.board();
        let is_wanted = board
            .topics
            .get(&conversation)
            .is_some_and(|topic| topic.wanted_until.is_some());
        if is_wanted {
            board.note(Note::Ended {
                conversation,
                message,
            });
        }
        board.end(conversation, message);
    }
}

/// Follows the answers of one conversation.
#[derive(Debug)]
pub struct Following {
    answers: Answers,
    conversation: Uuid,
    /// None only while it is dropped.
    changes: Option<watch::Receiver<u64>>,
    message: Option<Uuid>,
    /// Bytes of each part that were given out.
    heard: Vec<usize>,
    asked_at: Instant,
}

impl Following {
    /// What is new since the last time; at first, all that there is.
    pub fn take(&mut self) -> Vec<Addition> {
        if let Some(changes) = &mut self.changes {
            changes.borrow_and_update();
        }
        let board = self.answers.board();
        let topic = board.topics.get(&self.conversation);
        let Some(answer) = topic.and_then(|topic| topic.answer.as_ref()) else {
            return Vec::new();
        };
        if self.message != Some(answer.message) {
            self.message = Some(answer.message);
            self.heard.clear();
        }
        let mut additions = Vec::new();
        for (part, written) in answer.parts.iter().enumerate() {
            let heard = match self.heard.get(part) {
                Some(heard) => *heard,
                None => {
                    self.heard.push(0);
                    0
                }
            };
            if let Some(more) = written.text.get(heard..)
                && !more.is_empty()
            {
                additions.push(Addition {
                    message: answer.message,
                    part,
                    kind: written.kind,
                    text: more.to_owned(),
                    is_all: heard == 0,
                });
                self.heard[part] = written.text.len();
            }
        }
        additions
    }

    /// Waits until there may be something new. From time to time other nodes are told that someone
    /// still follows.
    pub async fn changed(&mut self) {
        let Some(changes) = &mut self.changes else {
            return;
        };
        loop {
            let ask_at = self.asked_at + ASK_EVERY;
            tokio::select! {
                changed = changes.changed() => match changed {
                    Ok(()) => return,
                    // The topic was given up while nobody wrote: it is followed anew.
                    Err(_) => {
                        let mut board = self.answers.board();
                        let topic = board.topics.entry(self.conversation).or_default();
                        *changes = topic.followers.subscribe();
                        drop(board);
                        return;
                    }
                },
                () = tokio::time::sleep_until(ask_at) => {
                    self.asked_at = Instant::now();
                    let conversation = self.conversation;
                    self.answers.board().note(Note::Wanted { conversation });
                }
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.changes = None;
        let mut board = self.answers.board();
        if board
            .topics
            .get(&self.conversation)
            .is_some_and(|topic| topic.is_idle() && topic.wanted_until.is_none())
        {
            board.topics.remove(&self.conversation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONVERSATION: Uuid = Uuid::from_u128(1);
    const MESSAGE: Uuid = Uuid::from_u128(2);

    fn texts(additions: &[Addition]) -> Vec<(usize, &str, bool)> {
        let shown = |addition: &'_ Addition| (addition.part, addition.is_all);
        additions
            .iter()
            .map(|addition| (shown(addition).0, addition.text.as_str(), shown(addition).1))
            .collect()
    }

    #[tokio::test]
    async fn a_follower_is_given_what_is_written_so_far_and_then_what_is_added() {
        let answers = Answers::default();
        let writing = answers.begin(CONVERSATION, MESSAGE);
        writing.say(0, Kind::Reasoning, "Hm. ");
        writing.say(0, Kind::Reasoning, "Well.");
        writing.say(1, Kind::Text, "It ");
        let mut following = answers.follow(CONVERSATION);
        assert_eq!(
            texts(&following.take()),
            [(0, "Hm. Well.", true), (1, "It ", true)]
        );
        writing.say(1, Kind::Text, "is ");
        writing.say(1, Kind::Text, "so.");
        following.changed().await;
        assert_eq!(texts(&following.take()), [(1, "is so.", false)]);
        drop(writing);
        assert_eq!(following.take(), []);
        let again = answers.begin(CONVERSATION, Uuid::from_u128(3));
        again.say(0, Kind::Text, "Anew");
        assert_eq!(texts(&following.take()), [(0, "Anew", true)]);
        drop((again, following));
        assert!(answers.board().topics.is_empty(), "nothing is left of it");
    }

    /// Takes what one node says to another.
    fn carry(from: &Answers, to: &Answers, keep: impl Fn(&Note) -> bool) {
        for note in from.notes() {
            let text = serde_json::to_string(&note).expect("plain data");
            assert!(text.len() < 7800, "it fits a notification");
            if keep(&note) {
                to.hear(serde_json::from_str(&text).expect("reads back"));
            }
        }
    }

    #[tokio::test]
    async fn another_node_is_told_while_someone_follows_there_and_what_was_lost_is_mended() {
        let (here, there) = (Answers::shared(), Answers::shared());
        let writing = here.begin(CONVERSATION, MESSAGE);
        let long = "\u{1}ö€".repeat(2000);
        writing.say(0, Kind::Text, &long);
        assert_eq!(here.notes(), [], "nobody follows");
        let mut following = there.follow(CONVERSATION);
        carry(&there, &here, |_| true);
        carry(&here, &there, |_| true);
        assert_eq!(texts(&following.take()), [(0, long.as_str(), true)]);
        writing.say(0, Kind::Text, "lost ");
        carry(&here, &there, |_| false);
        writing.say(0, Kind::Text, "found");
        carry(&here, &there, |_| true);
        assert_eq!(following.take(), [], "there is a gap");
        here.hear(Note::Wanted {
            conversation: CONVERSATION,
        });
        carry(&here, &there, |_| true);
        assert_eq!(texts(&following.take()), [(0, "lost found", false)]);
        drop(writing);
        carry(&here, &there, |_| true);
        assert!(there.board().topics[&CONVERSATION].answer.is_none());
    }

    #[tokio::test]
    async fn what_nobody_follows_is_not_kept_of_another_nodes_answer() {
        let (here, there) = (Answers::shared(), Answers::shared());
        let writing = here.begin(CONVERSATION, MESSAGE);
        writing.say(0, Kind::Text, "a draft");
        let following = there.follow(CONVERSATION);
        carry(&there, &here, |_| true);
        carry(&here, &there, |_| true);
        drop(following);
        there.notes();
        assert!(there.board().topics.is_empty());
        // Whoever comes is told anew, and not of what was given up meanwhile.
        drop(writing);
        let mut again = there.follow(CONVERSATION);
        carry(&there, &here, |_| true);
        carry(&here, &there, |_| true);
        assert_eq!(again.take(), []);
    }

    #[tokio::test]
    async fn a_node_that_is_alone_notes_down_nothing() {
        let answers = Answers::default();
        let following = answers.follow(CONVERSATION);
        drop((answers.begin(CONVERSATION, MESSAGE), following));
        assert_eq!(answers.notes(), []);
        assert!(answers.board().topics.is_empty());
    }
}
