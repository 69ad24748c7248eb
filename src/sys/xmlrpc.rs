//! XML-RPC (xmlrpc.com/spec) over the one HTTP client: one call, its answer as values. Only the types that a
//! service manager speaks. Never puts an address or a password into an error.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use roxmltree::Node;

use crate::model::secret::Secret;
use crate::model::text::one_line;
use crate::sys::http::{Request, Trouble, basic, send};

/// An answer longer than this is cut, and then no XML.
const LARGEST: usize = 8 << 20;

/// Where to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://host:port/RPC2`; with a unix socket its host is not looked at.
    pub url: String,
    /// Connect to this socket.
    pub unix: Option<PathBuf>,
    /// Basic authentication.
    pub login: Option<(String, Secret)>,
}

/// A value given or answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `int`, `i4`.
    Int(i64),
    /// `boolean`.
    Bool(bool),
    /// `string`, or no type at all.
    Text(String),
    /// `array`.
    List(Vec<Value>),
    /// `struct`, in the order of the answer.
    Struct(Vec<(String, Value)>),
    /// `nil`, and types that nothing here asks for.
    Other,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server answered with a fault: its code and words.
    Fault(i64, String),
    /// It wants another user or password (401, 403, or the socket's mode forbids).
    NoRight(String),
    /// It did not answer, or not in XML-RPC.
    Trouble(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(code, words) => write!(f, "fault {code}: {words}"),
            Self::NoRight(why) | Self::Trouble(why) => f.write_str(why),
        }
    }
}

impl Value {
    /// The member of a struct.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Struct(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text of a string member; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Self::Text(text)) => text,
            _ => "",
        }
    }

    /// The number of an integer member.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Self::Int(number)) => Some(*number),
            _ => None,
        }
    }
}

/// Calls `method` with `params`.
pub fn call(
    endpoint: &Endpoint,
    method: &str,
    params: &[Value],
    limit: Duration,
) -> Result<Value, Failure> {
    let mut headers = vec![("content-type".to_owned(), "text/xml".to_owned())];
    if let Some((user, password)) = &endpoint.login {
        headers.push(("authorization".into(), basic(user, password).reveal().to_owned()));
    }
    let request = Request {
        method: "POST".into(),
        url: endpoint.url.clone(),
        headers,
        body: written(method, params).into_bytes(),
        limit,
        redirects: 0,
        most: LARGEST,
        unix: endpoint.unix.clone(),
        trust: crate::sys::tls::Trust::default(),
    };
    let answer = send(&request).map_err(|trouble| match trouble {
        Trouble::Connect(why) if why.contains("permission denied") => Failure::NoRight(why),
        other => Failure::Trouble(other.to_string()),
    })?;
    match answer.status {
        200 => parse(&String::from_utf8_lossy(&answer.body)),
        401 | 403 => Err(Failure::NoRight(format!("it wants a login (HTTP {})", answer.status))),
        status => Err(Failure::Trouble(format!("it answers with HTTP {status}"))),
    }
}

fn written(method: &str, params: &[Value]) -> String {
    let params: String = params
        .iter()
        .map(|param| {
            let value = match param {
                Value::Int(number) => format!("<int>{number}</int>"),
                Value::Bool(flag) => format!("<boolean>{}</boolean>", i32::from(*flag)),
                Value::Text(text) => format!("<string>{}</string>", escaped(text)),
                Value::List(_) | Value::Struct(_) | Value::Other => "<nil/>".to_owned(),
            };
            ["<param><value>", &value, "</value></param>"].concat()
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Reads a `methodResponse`.
pub fn parse(text: &str) -> Result<Value, Failure> {
    let wrong = |why: &str| Failure::Trouble(format!("its answer is not XML-RPC: {why}"));
    // A program's output may hold control characters, which supervisord passes on and XML forbids.
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { '\u{fffd}' } else { c })
        .collect();
    let document = roxmltree::Document::parse(&clean)
        .map_err(|err| wrong(&one_line(&err.to_string(), 120)))?;
    let root = document.root_element();
    let answer = root.first_element_child().ok_or_else(|| wrong("it is empty"))?;
    let first = answer.descendants().find(|node| node.has_tag_name("value"));
    let value = value(first.ok_or_else(|| wrong("it holds no value"))?);
    if answer.has_tag_name("fault") {
        let code = value.int("faultCode").unwrap_or_default();
        return Err(Failure::Fault(code, one_line(value.text("faultString"), 200)));
    }
    Ok(value)
}

/// roxmltree bounds the depth of what it parses, so this recursion has an end.
fn value(node: Node<'_, '_>) -> Value {
    let Some(typed) = node.first_element_child() else {
        return Value::Text(node.text().unwrap_or_default().to_owned());
    };
    let text: String = typed.children().filter_map(|child| child.text()).collect();
    match typed.tag_name().name() {
        "string" => Value::Text(text),
        "int" | "i4" | "i8" => text.trim().parse().map_or(Value::Other, Value::Int),
        "boolean" => Value::Bool(text.trim() == "1"),
        "array" => Value::List(
            typed
                .first_element_child()
                .into_iter()
                .flat_map(|data| data.children().filter(|n| n.has_tag_name("value")).map(value))
                .collect(),
        ),
        "struct" => Value::Struct(
            typed
                .children()
                .filter(|n| n.has_tag_name("member"))
                .filter_map(|member| {
                    let part = |name| member.children().find(|n| n.has_tag_name(name));
                    let key = part("name")?.text().unwrap_or_default().to_owned();
                    Some((key, value(part("value")?)))
                })
                .collect(),
        ),
        _ => Value::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_not_a_value() {
        let text = "<?xml version='1.0'?><methodResponse><fault><value><struct><member><name>faultCode</name>\
            <value><int>10</int></value></member><member><name>faultString</name>\
            <value><string>BAD_NAME: web</string></value></member></struct></value></fault></methodResponse>";
        assert_eq!(parse(text), Err(Failure::Fault(10, "BAD_NAME: web".into())));
    }

    #[test]
    fn what_is_not_xml_rpc_is_trouble_and_nothing_panics() {
        for text in ["", "<html>", "<methodResponse/>", "<a><b/></a>", "\u{0}"] {
            assert!(matches!(parse(text), Err(Failure::Trouble(_))), "{text}");
        }
    }

    #[test]
    fn control_characters_of_a_log_do_not_spoil_the_answer() {
        let text = "<methodResponse><params><param><value><string>a\u{1b}[31m &lt;b&gt;\n\
            </string></value></param></params></methodResponse>";
        assert_eq!(parse(text), Ok(Value::Text("a\u{fffd}[31m <b>\n".into())));
    }

    #[test]
    fn a_deep_answer_is_refused_not_followed() {
        let deep = "<value><array><data>".repeat(50_000);
        let text = format!("<methodResponse><params><param>{deep}");
        assert!(matches!(parse(&text), Err(Failure::Trouble(_))));
    }

    #[test]
    fn a_name_cannot_leave_its_element() {
        let call = written("supervisor.stopProcess", &[Value::Text("a</string>&".into())]);
        assert!(call.contains("<string>a&lt;/string&gt;&amp;</string>"), "{call}");
    }
}
