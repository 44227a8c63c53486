//! Selects the widest lanes that this machine's processor supports, otherwise the safe ones.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod ifma;

use super::lanes::{Job, Twin};

/// Lanes of the safe form: what it is used with where there is no other.
const SAFE_WIDTH: usize = 4;

/// Runs a job on the fastest lanes that this machine has. The result is the same on all.
pub fn dispatch<J: Job>(job: J) -> J::Output {
    #[cfg(target_arch = "x86_64")]
    let job = match ifma::run(job).or_else(avx2::run) {
        Ok(done) => return done,
        Err(job) => job,
    };
    job.run::<SAFE_WIDTH, Twin<SAFE_WIDTH>>()
}

/// Runs a job on all lanes that this machine has, the fastest last.
pub fn each<J: Job + Copy>(job: J) -> Vec<(&'static str, J::Output)> {
    let all = vec![
        ("safe, 4 lanes", job.run::<SAFE_WIDTH, Twin<SAFE_WIDTH>>()),
        ("safe, 8 lanes", job.run::<8, Twin<8>>()),
    ];
    #[cfg(target_arch = "x86_64")]
    let all = {
        let avx2 = avx2::run(job).ok().map(|done| ("AVX2 and FMA, 4 lanes", done));
        let ifma = ifma::run(job).ok().map(|done| ("AVX-512 IFMA, 8 lanes", done));
        all.into_iter().chain(avx2).chain(ifma).collect()
    };
    all
}
