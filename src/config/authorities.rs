//! The certificates of `tls.ca_file`.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::fault::Complaint;
use super::file;

const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads the PEM file and makes sure that each certificate can be trusted as an authority.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Complaint> {
    let name = path.display();
    let file::Contents { bytes, mode } = file::read(path, &name, FILE_BYTES_MAX)?;
    file::guarded(path, &name, mode)?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    // The parser's own words are left out: they repeat lines of a file that may be the wrong one.
    let certificates = parsed.ok().filter(|certificates| !certificates.is_empty());
    let certificates = certificates.ok_or_else(|| {
        Complaint::new(format!("{name} holds no certificate in PEM form"))
            .hint("it should have a -----BEGIN CERTIFICATE----- block for each authority")
    })?;
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        if store.add(certificate.clone()).is_err() {
            let number = index.saturating_add(1);
            let sentence = format!("certificate {number} of {name} cannot be read as an authority");
            return Err(Complaint::new(sentence).hint("export it once more, in PEM form"));
        }
    }
    Ok(certificates)
}
