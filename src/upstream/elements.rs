//! Takes an answer in JSON apart while it comes: each element of a list by itself, and what is left of the envelope.
//!
//! A list of a hundred megabytes costs the memory of its largest element; long texts in it, which are message bodies,
//! are emptied on the way. It does not check JSON: elements and envelope are parsed by whoever gets them.

use crate::upstream::Why;

/// A text beyond this is a message body: error texts have at most 2,048 characters.
const LONGEST_TEXT: usize = 16 << 10;
/// Of an element without its long texts; a message has about 2 kB.
const LARGEST_ELEMENT: usize = 256 << 10;
/// Of the envelope without its list.
const LARGEST_ENVELOPE: usize = 64 << 10;

/// Where a list inside the envelope is handed over element by element; `each` says whether it wants more.
pub struct Elements<F> {
    each: F,
    /// How many brackets are open in front of an element.
    within: usize,
    envelope: Vec<u8>,
    element: Vec<u8>,
    depth: usize,
    in_list: bool,
    text: Text,
}

/// Whether the next byte stands in a text.
#[derive(Clone, Copy)]
enum Text {
    Outside,
    Inside {
        /// Where it began in what is kept.
        start: usize,
        escaped: bool,
        emptied: bool,
    },
}

impl<F: FnMut(&[u8]) -> bool> Elements<F> {
    /// `within` says how deep the list lies: 2 directly inside the envelope, as `result` of JSON-RPC.
    pub fn new(within: usize, each: F) -> Self {
        Self {
            each,
            within,
            envelope: Vec::new(),
            element: Vec::new(),
            depth: 0,
            in_list: false,
            text: Text::Outside,
        }
    }

    /// The next piece; false when no more is wanted.
    pub fn push(&mut self, piece: &[u8]) -> Result<bool, Why> {
        for byte in piece {
            let wanted = match self.text {
                Text::Outside => self.outside(*byte),
                Text::Inside { .. } => {
                    self.inside(*byte);
                    true
                }
            };
            if !wanted {
                return Ok(false);
            }
        }
        if self.element.len() > LARGEST_ELEMENT || self.envelope.len() > LARGEST_ENVELOPE {
            return Err(Why::malformed("a part of the answer is larger than any message"));
        }
        Ok(true)
    }

    /// What is left: the envelope with an empty list.
    pub fn envelope(self) -> Vec<u8> {
        self.envelope
    }

    fn kept(&mut self) -> &mut Vec<u8> {
        if self.in_list {
            &mut self.element
        } else {
            &mut self.envelope
        }
    }

    fn outside(&mut self, byte: u8) -> bool {
        match byte {
            b'"' => {
                self.kept().push(byte);
                self.text = Text::Inside {
                    start: self.kept().len(),
                    escaped: false,
                    emptied: false,
                };
                return true;
            }
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth == self.within && byte == b'[' && !self.in_list {
                    self.envelope.push(byte);
                    self.in_list = true;
                    return true;
                }
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.in_list && self.depth + 1 == self.within {
                    let wanted = self.hand_over();
                    self.in_list = false;
                    self.envelope.push(byte);
                    return wanted;
                }
            }
            b',' if self.in_list && self.depth == self.within => return self.hand_over(),
            _ => {}
        }
        self.kept().push(byte);
        true
    }

    fn inside(&mut self, byte: u8) {
        let Text::Inside {
            start,
            escaped,
            emptied,
        } = self.text
        else {
            return;
        };
        let ends = byte == b'"' && !escaped;
        let length = self.kept().len().saturating_sub(start);
        let emptied = emptied || (length >= LONGEST_TEXT && !ends);
        if emptied {
            self.kept().truncate(start);
        }
        if !emptied || ends {
            self.kept().push(byte);
        }
        self.text = if ends {
            Text::Outside
        } else {
            Text::Inside {
                start,
                escaped: byte == b'\\' && !escaped,
                emptied,
            }
        };
    }

    fn hand_over(&mut self) -> bool {
        let element = self.element.trim_ascii();
        let wanted = element.is_empty() || (self.each)(element);
        self.element.clear();
        wanted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Elements and envelope of an answer that comes in pieces of so many bytes.
    fn apart(answer: &[u8], piece: usize) -> (Vec<Value>, Value) {
        let mut elements = Vec::new();
        let mut taker = Elements::new(2, |element: &[u8]| {
            elements.push(serde_json::from_slice(element).unwrap());
            true
        });
        for piece in answer.chunks(piece.max(1)) {
            assert!(taker.push(piece).unwrap());
        }
        let envelope = serde_json::from_slice(&taker.envelope()).unwrap();
        (elements, envelope)
    }

    #[test]
    fn a_list_is_handed_over_and_the_envelope_stays() {
        let answer = br#" {"jsonrpc":"2.0", "result": [ {"a":[1,2],"b":"x,]\"\\"} , [3,{}] ,null, "t" ] ,"id":1}"#;
        let (elements, envelope) = apart(answer, 1);
        assert_eq!(
            elements,
            [
                json!({"a": [1, 2], "b": "x,]\"\\"}),
                json!([3, {}]),
                json!(null),
                json!("t")
            ]
        );
        assert_eq!(envelope, json!({"jsonrpc": "2.0", "result": [], "id": 1}));
    }

    #[test]
    fn an_answer_without_a_list_is_all_envelope() {
        for answer in [
            r#"{"jsonrpc":"2.0","result":null,"id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no [list] here"}}"#,
            r#"{"result":{"inner":[1,2]},"id":1}"#,
        ] {
            let (elements, envelope) = apart(answer.as_bytes(), 3);
            assert!(elements.is_empty(), "{answer}");
            assert_eq!(envelope, serde_json::from_str::<Value>(answer).unwrap());
        }
    }

    #[test]
    fn a_message_body_is_emptied_and_everything_else_is_kept() {
        let long = "A\\\"".repeat(20_000);
        let answer = format!(r#"{{"result":[{{"ID":"1","Params":"{long}","Nonce":7}}],"id":1}}"#);
        let (elements, _) = apart(answer.as_bytes(), 4096);
        assert_eq!(elements, [json!({"ID": "1", "Params": "", "Nonce": 7})]);
    }

    #[test]
    fn who_has_enough_gets_no_more_and_an_endless_element_is_given_up() {
        let mut seen = 0;
        let mut taker = Elements::new(2, |_: &[u8]| {
            seen += 1;
            seen < 2
        });
        assert!(!taker.push(b"{\"result\":[1,2,3,4]}").unwrap());
        assert_eq!(seen, 2);
        let mut taker = Elements::new(2, |_: &[u8]| true);
        taker.push(b"{\"result\":[").unwrap();
        let endless = (0..100).any(|_| taker.push(&[b'1'; 8192]).is_err());
        assert!(endless);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_list_comes_apart_into_its_elements(
            list in prop::collection::vec(value(), 0..8),
            piece in 1_usize..40,
            pretty in any::<bool>(),
        ) {
            let answer = json!({"jsonrpc": "2.0", "result": list, "id": 1});
            let text = if pretty { serde_json::to_string_pretty(&answer) } else { serde_json::to_string(&answer) };
            let (elements, envelope) = apart(text.unwrap().as_bytes(), piece);
            prop_assert_eq!(elements, list);
            prop_assert_eq!(envelope, json!({"jsonrpc": "2.0", "result": [], "id": 1}));
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut taker = Elements::new(2, |_: &[u8]| true);
            drop(taker.push(&bytes));
            drop(taker.envelope());
        }
    }
}
