//! A text message by Twilio: one telephone a channel, so that a message is never sent twice because another telephone
//! was refused. Wire format: <https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>.

use url::form_urlencoded;

use crate::model::fields::Fields;
use crate::model::letter::{Outgoing, Sent};
use crate::model::secret::SecretSource;
use crate::model::text::one_line;
use crate::notify::hidden::Hidden;
use crate::notify::keys;
use crate::notify::post::{self, Answer, Call};
use crate::notify::reach::{self, Reached};
use crate::notify::sms;
use crate::notify::words::Own;
use crate::sys::clock::Deadline;
use crate::sys::http;

/// The codes of refusals that are of the text (<https://www.twilio.com/docs/api/errors>): there is none, or too much.
/// Others are of the telephone, the sender or the account.
const OF_TEXT: [u64; 3] = [21602, 21617, 21619];

/// An account, a sender and a telephone.
#[derive(Debug, Clone)]
pub(super) struct Twilio {
    account: String,
    /// The account itself, or an API key of it.
    user: String,
    token: SecretSource,
    /// The parameter that names the sender, and its value.
    from: (&'static str, String),
    to: String,
    server: String,
}

impl Twilio {
    /// Takes `account`, `key` (an API key's SID), `token`, `from` or `messaging_service`, `to` and `url`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let account = sid(fields, "account", "AC", true);
        let key = sid(fields, "key", "SK", false);
        let token = keys::secret(fields, ["token", "token_file", "token_env"]);
        let (has_from, has_service) = (fields.has("from"), fields.has("messaging_service"));
        let place = fields.place_of("from");
        let from = fields.word("from").map(|from| ("From", from));
        let service = sid(fields, "messaging_service", "MG", false);
        if has_from == has_service {
            let message = "twilio needs either `from` or `messaging_service`";
            fields.wrong(&place, message.into(), None);
        }
        if !fields.has("to") {
            fields.required("to");
        }
        let to = fields.parsed("to", "a telephone such as `+4930123456`", |text| {
            let text = text.trim();
            let digits = text.strip_prefix("whatsapp:").unwrap_or(text).strip_prefix('+');
            let good = digits.is_some_and(|digits| {
                (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
            });
            if good { Ok(text.to_owned()) } else { Err(format!("`{text}` is no telephone")) }
        });
        let server = keys::server(fields, "https://api.twilio.com");
        let from = from.or_else(|| service.map(|service| ("MessagingServiceSid", service)));
        let account = account?;
        let user = key.unwrap_or_else(|| account.clone());
        Some(Self { account, user, token: token?, from: from?, to: to?, server: server? })
    }

    pub(super) fn to(&self) -> &str {
        &self.to
    }

    /// The account, or with an API key, which may not look at that, its last message.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let mut hidden = Hidden::default();
        let token = match hidden.read(&self.token) {
            Ok(token) => token,
            Err(sent) => return sent.into(),
        };
        let login = http::basic(&self.user, &token);
        let account = format!("{}/2010-04-01/Accounts/{}", self.server, self.account);
        let own = self.user == self.account;
        let url = if own {
            format!("{account}.json")
        } else {
            format!("{account}/Messages.json?PageSize=1")
        };
        let call = Call::get(url).header("Authorization", login.reveal());
        let answer = match call.send(by, &hidden) {
            Ok(answer) => answer,
            Err(sent) => return sent.into(),
        };
        let json = answer.json();
        match (answer.status(), json["status"].as_str()) {
            (200, Some(status)) if own && status != "active" => {
                Reached::No(format!("the account is {}", one_line(status, 40)))
            }
            (200, _) if own || json["messages"].is_array() => {
                let said = "it knows the account, and takes its login";
                Reached::yes(said, "whether a message to that telephone is delivered")
            }
            _ => reach::refused(&answer, &said(&answer)),
        }
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        vec![&self.token]
    }

    /// Sends it.
    pub(super) fn send(&self, out: &Outgoing<'_>, own: Own, by: Deadline) -> Sent {
        let answer = post::ask(|hidden| self.call(out, own, hidden), by);
        answer.map_or_else(|sent| sent, |answer| judge(&answer))
    }

    /// The request that sends it.
    pub(super) fn call(
        &self,
        out: &Outgoing<'_>,
        own: Own,
        hidden: &mut Hidden,
    ) -> Result<Call, Sent> {
        let token = hidden.read(&self.token)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", &self.to)
            .append_pair(self.from.0, &self.from.1)
            .append_pair("Body", &sms::text(out, own))
            .finish();
        let login = http::basic(&self.user, &token);
        Ok(Call {
            method: "POST",
            url: format!("{}/2010-04-01/Accounts/{}/Messages.json", self.server, self.account),
            headers: vec![
                ("Content-Type".into(), "application/x-www-form-urlencoded".into()),
                ("Authorization".into(), login.reveal().to_owned()),
            ],
            body: form.into_bytes(),
        })
    }
}

fn judge(answer: &Answer) -> Sent {
    let json = answer.json();
    if let (201, Some(sid)) = (answer.status(), json["sid"].as_str()) {
        return answer.accepted(&format!("message {sid}"));
    }
    let code = json["code"].as_u64();
    post::mendable(answer.refused(&said(answer), None), !OF_TEXT.iter().any(|it| code == Some(*it)))
}

/// Why it says no: `21211: …`.
fn said(answer: &Answer) -> String {
    let json = answer.json();
    let said = json["message"].as_str().map_or_else(|| answer.text(), str::to_owned);
    let code = json["code"].as_u64().map(|code| format!("{code}: ")).unwrap_or_default();
    format!("{code}{said}")
}

/// An identifier of Twilio's: two letters, and 32 digits of a hexadecimal number.
fn sid(fields: &mut Fields<'_>, key: &'static str, begins: &str, needed: bool) -> Option<String> {
    if needed && !fields.has(key) {
        fields.required(key);
    }
    fields.parsed(key, "an identifier of Twilio's", |text| {
        let rest = text.trim().strip_prefix(begins).unwrap_or_default();
        if rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(text.trim().to_owned())
        } else {
            Err(format!("is not `{begins}` and 32 digits of 0-9 and a-f"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail, reply, secret_is_hidden};

    const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

    fn table(port: u16) -> String {
        format!(
            "via = 'twilio'\nurl = 'http://127.0.0.1:{port}'\naccount = '{ACCOUNT}'\n\
             token = 's3cret'\nfrom = '+15005550006'\nto = '+4930123456'"
        )
    }

    #[test]
    fn a_message_is_a_form_with_who_and_to_whom() {
        let answer = reply("201 Created", "", r#"{"sid":"SM1","status":"queued"}"#);
        let (sent, asked) =
            testing::send(vec![answer], &Mail::new("❌ Shop: web & co - FAILED", "long"), table);
        assert_eq!(sent, Sent::Accepted("message SM1".into()));
        assert_eq!(
            asked[0].line,
            format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1")
        );
        assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
        let login = http::basic(ACCOUNT, &crate::model::secret::Secret::new("s3cret"));
        assert_eq!(asked[0].header("authorization"), login.reveal());
        let form: Vec<_> = form_urlencoded::parse(asked[0].body.as_bytes()).into_owned().collect();
        let want =
            [("To", "+4930123456"), ("From", "+15005550006"), ("Body", "Shop: web & co - FAILED")];
        assert_eq!(form, want.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn each_refusal_has_its_class_and_none_shows_the_token() {
        for (status, headers, body, want) in [
            (429, "", r#"{"code":20429,"message":"Too Many Requests"}"#, "later"),
            (429, "Retry-After: 2\r\n", "", "busy 2"),
            (400, "", r#"{"code":21211,"message":"The 'To' number is not valid."}"#, "later"),
            (400, "", r#"{"code":21617,"message":"The message body is too long."}"#, "never"),
            (401, "", r#"{"code":20003,"message":"Authenticate s3cret"}"#, "later"),
            (500, "", "", "later"),
            (200, "", "<html></html>", "later"),
        ] {
            let answer = reply(&status.to_string(), headers, body);
            let (sent, _) = testing::send(vec![answer], &Mail::new("a", "b"), table);
            assert_eq!(testing::class(&sent), want, "{status}: {sent:?}");
            secret_is_hidden(&sent, "s3cret");
        }
    }

    #[test]
    fn mistakes_are_told_and_no_token_is_shown() {
        let good = table(1);
        for (from, to, want) in [
            (ACCOUNT, "AC12", "`account`: is not `AC` and 32 digits"),
            ("'+4930123456'", "'030123456'", "`to`: `030123456` is no telephone"),
            ("from = '+15005550006'", "", "needs either `from` or `messaging_service`"),
            ("token = 's3cret'", "", "needs `token_file`, `token_env` or `token`"),
        ] {
            let (_, problems) = testing::read(&good.replace(from, to));
            assert!(problems.contains(want), "{want}: {problems}");
            assert!(!problems.contains("s3cret"), "{problems}");
        }
    }
}
