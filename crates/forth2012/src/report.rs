//! From a THROW that nobody caught to what a person reads.

use super::error::{Frame, Place, Report, standard_message};
use super::frame::{T_INTERPRET, is_return, return_token};
use super::host::Throw;
use super::limits::TRACE_FRAMES;
use super::machine::Machine;
use super::source::{Input, place_in};

impl Machine {
    /// Describes a throw while the stacks still show where it happened.
    pub(super) fn report(&mut self, throw: &Throw) -> Report {
        let place = self.inputs.last().map(|input| self.input_place(input)).unwrap_or_default();
        let message = match &throw.message {
            Some(message) => message.clone(),
            None => standard_message(throw.code)
                .map_or_else(|| format!("exception {}", throw.code), str::to_owned),
        };
        Report {
            code: throw.code,
            message,
            place,
            trace: self.trace(),
            suggestion: self.suggestion.take(),
        }
    }

    /// Where an input stands.
    fn input_place(&self, input: &Input) -> Place {
        if input.pos != 0
            && let Some(place) = self.sources.place(input.pos + input.word_at as u32)
        {
            return place;
        }
        let text = self.memory.bytes(input.address, input.len).unwrap_or(&[]);
        place_in("<input>", text, 1, input.word_at as usize)
    }

    fn trace(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.ip > T_INTERPRET {
            self.add_frame(&mut frames, self.ip);
        }
        for &value in self.rs.items().iter().rev() {
            if is_return(value) {
                let token = return_token(value, &self.fast.token_of);
                if token > T_INTERPRET {
                    self.add_frame(&mut frames, token);
                }
            }
            if frames.len() >= TRACE_FRAMES {
                break;
            }
        }
        for input in self.inputs.iter().rev().skip(1) {
            if frames.len() >= TRACE_FRAMES {
                break;
            }
            let place = self.input_place(input);
            let word = place
                .source_line
                .chars()
                .skip(place.column.saturating_sub(1))
                .take(place.width)
                .collect();
            frames.push(Frame { word, place });
        }
        frames
    }

    /// Adds the definition whose token before `after` was running.
    fn add_frame(&self, frames: &mut Vec<Frame>, after: u32) {
        let token = after - 1;
        let Some(tok) = self.code.get(token as usize) else { return };
        let word = match self.definition_at(token).map(|word| self.dict.name(word)) {
            Some(b"") | None => ":noname".to_owned(),
            Some(name) => String::from_utf8_lossy(name).into_owned(),
        };
        let place = self.sources.place(tok.pos).unwrap_or_default();
        frames.push(Frame { word, place });
    }

    /// A hint for an unknown name.
    pub(super) fn suggest(&self, name: &[u8]) -> Option<String> {
        if let Some(word) = self.comp.parsing_host
            && self.comp.active
            && let Some(host) = self.host_words.get(word as usize)
        {
            let twin = host.twin.map_or(String::new(), |twin| {
                format!("; inside a definition use `{twin}`, which takes it from the stack")
            });
            return Some(format!(
                "`{}` reads its argument from the line when it runs{twin}",
                host.name
            ));
        }
        let text = String::from_utf8_lossy(name).to_lowercase();
        for opening in ["s\\\"", ".\"", "s\"", "c\"", "abort\"", ".(", "(", "\\", "{:"] {
            if text.len() > opening.len() && text.starts_with(opening) {
                return Some(format!("write a blank after `{opening}`"));
            }
        }
        self.nearest(&text).map(|near| format!("did you mean `{near}`?"))
    }

    /// The known name with the smallest edit distance, if it is near enough.
    fn nearest(&self, text: &str) -> Option<String> {
        let wanted: Vec<char> = text.chars().collect();
        let bound = match wanted.len() {
            0..=2 => return None,
            3..=5 => 1,
            6..=9 => 2,
            10..=40 => 3,
            _ => return None,
        };
        self.word_names()
            .filter(|name| name.chars().count().abs_diff(wanted.len()) <= bound)
            .filter_map(|name| {
                let distance = distance(&wanted, &name.to_lowercase().chars().collect::<Vec<_>>());
                (distance <= bound).then_some((distance, name))
            })
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }
}

/// Edit distance with neighbouring exchanges counted once.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
