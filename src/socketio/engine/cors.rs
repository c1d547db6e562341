//! Which pages of other origins may read the answers (the Fetch standard's CORS).

use std::string::{String, ToString};
use std::vec::Vec;

use crate::handshake::{Request, Response};

/// What the answers say to pages of other origins. It protects no WebSocket: there, the loop's
/// [`origins`](crate::net::Config::origins) do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cors {
    /// Which origins.
    pub origins: Allowed,
    /// Which methods, in the answer to a preflight.
    pub methods: String,
    /// Which request headers, in the answer to a preflight; `None` for those that are asked for.
    pub allowed_headers: Option<String>,
    /// Which headers of the answer the page may read.
    pub exposed_headers: Option<String>,
    /// Whether the page may send cookies. Means nothing to a browser with [`Allowed::Any`].
    pub credentials: bool,
    /// Seconds for which a browser may remember the answer to a preflight.
    pub max_age: Option<u64>,
}

/// Which origins may read the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// All: `*`.
    Any,
    /// All, each by its name, so that they may send cookies.
    Reflected,
    /// These, each written as a browser does: `https://example.com`.
    List(Vec<String>),
}

impl Cors {
    /// For these origins, with the default methods and without credentials.
    pub fn new(origins: Allowed) -> Self {
        Self {
            origins,
            methods: "GET,HEAD,PUT,PATCH,POST,DELETE".into(),
            allowed_headers: None,
            exposed_headers: None,
            credentials: false,
            max_age: None,
        }
    }

    /// Adds to an answer what this request's page is to know.
    pub(super) fn apply(&self, request: &Request<'_>, mut response: Response) -> Response {
        let allowed = request.origin().filter(|origin| match &self.origins {
            Allowed::Any => false,
            Allowed::Reflected => true,
            Allowed::List(origins) => origins.iter().any(|allowed| allowed == origin),
        });
        response = match (&self.origins, allowed) {
            (Allowed::Any, _) => response.header("Access-Control-Allow-Origin", "*"),
            (_, Some(origin)) => response.header("Access-Control-Allow-Origin", origin).header("Vary", "Origin"),
            (_, None) => response.header("Vary", "Origin"),
        };
        if self.credentials {
            response = response.header("Access-Control-Allow-Credentials", "true");
        }
        match &self.exposed_headers {
            Some(headers) => response.header("Access-Control-Expose-Headers", headers),
            None => response,
        }
    }

    /// The answer to a preflight.
    pub(super) fn preflight(&self, request: &Request<'_>) -> Response {
        let mut response = self.apply(request, Response::new(204));
        response = response.header("Access-Control-Allow-Methods", &self.methods);
        if let Some(headers) = &self.allowed_headers {
            response = response.header("Access-Control-Allow-Headers", headers);
        } else if let Some(headers) = request.header("Access-Control-Request-Headers") {
            response = response.header("Access-Control-Allow-Headers", headers);
            response = response.header("Vary", "Access-Control-Request-Headers");
        }
        match self.max_age {
            Some(seconds) => response.header("Access-Control-Max-Age", &seconds.to_string()),
            None => response,
        }
    }
}
