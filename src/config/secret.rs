//! The API key: read from its file, held out of sight.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};

use super::fault::Complaint;
use super::file;

/// A key is 32 characters today; a file of more than this holds something else.
const KEY_BYTES_MAX: u64 = 4_096;

/// The key of the account, and the file it came from.
///
/// No way of printing it shows the key; [`ApiKey::expose`] is the only door.
#[derive(Clone)]
pub struct ApiKey {
    secret: SecretString,
    path: PathBuf,
}

impl ApiKey {
    /// A key that did not come from a file: the simulator's own.
    pub fn new(key: &str) -> Self {
        Self { secret: SecretString::from(key), path: PathBuf::new() }
    }

    /// The key itself, for the one request that carries it.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// The file that the key was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the key file that the settings name.
    ///
    /// A relative name is looked for in the service manager's credentials folder first (systemd,
    /// `LoadCredential=`), then beside daemon.toml. Whatever lies in the credentials folder is the
    /// service manager's to protect; any other file must be closed to other users.
    pub(super) fn read(written: &str, folder: &Path, credentials: Option<&Path>) -> Result<Self, Complaint> {
        let (path, protected) = locate(Path::new(written), folder, credentials);
        if could_be_a_key(written) && !path.exists() {
            return Err(Complaint::new("names no file, and looks like the key itself")
                .hint("write the key into a file of its own and name that file here"));
        }
        let mut contents = file::read(&path, &path.display(), KEY_BYTES_MAX)?;
        let secret = key_of(&contents.bytes, &path);
        contents.bytes.zeroize();
        let secret = secret?;
        if !protected && contents.mode & 0o007 != 0 {
            let path = path.display();
            return Err(
                Complaint::new(format!("{path} is open to other users")).hint(format!("run: chmod o-rwx {path}"))
            );
        }
        if !protected {
            file::guarded(&path, &path.display(), contents.mode)?;
        }
        Ok(Self { secret, path })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ApiKey(read from {})", self.path.display())
    }
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.expose() == other.expose()
    }
}

impl Eq for ApiKey {}

/// The place of the key in the key's place.
impl Serialize for ApiKey {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&format_args!("(read from {})", self.path.display()))
    }
}

/// The file that is meant, and whether the service manager protects it.
fn locate(written: &Path, folder: &Path, credentials: Option<&Path>) -> (PathBuf, bool) {
    let plain = !written.components().any(|part| part == Component::ParentDir);
    if let Some(credentials) = credentials.filter(|_| plain) {
        let path = credentials.join(written);
        if path.starts_with(credentials) && path.symlink_metadata().is_ok() {
            return (path, true);
        }
    }
    (folder.join(written), false)
}

/// The key without the newline that editors and `echo` leave behind it.
fn key_of(bytes: &[u8], path: &Path) -> Result<SecretString, Complaint> {
    let file = path.display();
    let key = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let key = key.strip_suffix(b"\r").unwrap_or(key);
    if key.is_empty() {
        return Err(Complaint::new(format!("{file} is empty")).hint("write the API key into it"));
    }
    match str::from_utf8(key) {
        Ok(key) if !key.chars().any(|c| c.is_whitespace() || c.is_control()) => Ok(SecretString::from(key)),
        Ok(_) | Err(_) => Err(Complaint::new(format!(
            "{file} holds white space, control characters or no text where a key should stand"
        ))
        .hint("the file holds the API key and nothing else, on one line")),
    }
}

/// Whether a file name may be a key that was put in the wrong place; then it is not repeated.
fn could_be_a_key(written: &str) -> bool {
    written.len() >= 16 && written.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Whether a key of daemon.toml asks for a secret as its value.
pub(super) fn is_secret_name(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "apikey",
        "auth",
        "authorization",
        "credential",
        "credentials",
        "key",
        "passphrase",
        "passwd",
        "password",
        "secret",
        "token",
    ];
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    NAMES.contains(&name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_printing_shows_the_key() {
        let key = ApiKey::new("canary0123456789");
        let printed = format!("{key:?} {key:#?} {}", toml::Value::try_from(&key).unwrap());
        assert!(!printed.contains("canary"), "{printed}");
    }

    #[test]
    fn the_credentials_folder_cannot_be_left() {
        let (folder, credentials) = (Path::new("/etc/siftd"), tempfile::tempdir().unwrap());
        let inside = credentials.path().join("api-key");
        std::fs::write(&inside, "k").unwrap();
        let locate = |name: &str| locate(Path::new(name), folder, Some(credentials.path()));
        assert_eq!(locate("api-key"), (inside, true));
        assert_eq!(locate("other"), (folder.join("other"), false));
        assert_eq!(locate("/usr"), (PathBuf::from("/usr"), false));
        let name = credentials.path().file_name().unwrap().to_str().unwrap();
        let around = format!("../{name}/api-key");
        assert_eq!(locate(&around), (folder.join(&around), false));
    }
}
