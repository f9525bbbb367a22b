//! Reads the fixtures: as much of JSON as they need.

use std::collections::HashMap;

#[derive(Debug)]
pub enum Json {
    Null,
    Flag,
    Number(f64),
    Text,
    List(Vec<Json>),
    Object(HashMap<String, Json>),
}

impl Json {
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Parser { rest: text.as_bytes() }.value()
    }

    /// A member, by its path.
    pub fn at(&self, path: &[&str]) -> &Self {
        path.iter().fold(self, |json, name| match json {
            Self::Object(members) => members.get(*name).unwrap_or_else(|| panic!("there is no {name}")),
            _ => panic!("{name} of what is no object"),
        })
    }

    pub fn list(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { panic!("no list: {self:?}") }
    }

    pub fn number(&self) -> f64 {
        if let Self::Number(number) = self { *number } else { panic!("no number: {self:?}") }
    }

    pub fn numbers(&self) -> Vec<f64> {
        self.list().iter().map(Self::number).collect()
    }
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn peek(&mut self) -> u8 {
        self.rest = self.rest.trim_ascii_start();
        self.rest[0]
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let (head, rest) = self.rest.split_at(count);
        self.rest = rest;
        head
    }

    fn value(&mut self) -> Json {
        match self.peek() {
            b'{' => Json::Object(self.items(b'}', |parser| {
                let name = parser.text();
                assert_eq!(parser.peek(), b':');
                parser.take(1);
                (name, parser.value())
            })),
            b'[' => Json::List(self.items(b']', Self::value)),
            b'"' => {
                self.text();
                Json::Text
            }
            b'n' => {
                self.take(4);
                Json::Null
            }
            b't' => {
                self.take(4);
                Json::Flag
            }
            b'f' => {
                self.take(5);
                Json::Flag
            }
            _ => {
                let end = self.rest.iter().position(|b| b",]} \n".contains(b)).unwrap_or(self.rest.len());
                let digits = String::from_utf8_lossy(self.take(end)).into_owned();
                Json::Number(digits.parse().unwrap_or_else(|_| panic!("no number: {digits}")))
            }
        }
    }

    fn items<T, C: FromIterator<T>>(&mut self, end: u8, item: impl Fn(&mut Self) -> T) -> C {
        self.take(1);
        std::iter::from_fn(|| {
            if self.peek() == b',' {
                self.take(1);
            }
            if self.peek() == end {
                self.take(1);
                return None;
            }
            Some(item(self))
        })
        .collect()
    }

    fn text(&mut self) -> String {
        self.peek();
        self.take(1);
        let mut end = 0;
        while self.rest[end] != b'"' {
            end += if self.rest[end] == b'\\' { 2 } else { 1 };
        }
        let text = String::from_utf8_lossy(self.take(end)).into_owned();
        self.take(1);
        text
    }
}
