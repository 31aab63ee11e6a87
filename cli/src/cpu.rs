//! What this CPU can do: whether AES comes first, and whether this build may run at all.

/// Whether the CPU has AES instructions, so that AES-GCM is the cheapest cipher.
#[must_use]
pub fn has_aes() -> bool {
    imp::has_aes()
}

/// Ends the program with a clear line where the build uses instructions that this CPU lacks.
/// To be called first thing in `main`.
pub fn require() {
    if let Some(missing) = imp::missing() {
        crate::log::show(format_args!(
            "tssh: this build needs a CPU with {missing}; build without .cargo/config.toml\n"
        ));
        std::process::exit(255);
    }
}

#[cfg(target_arch = "x86_64")]
mod imp {
    use raw_cpuid::CpuId;

    pub fn has_aes() -> bool {
        // A build that needs them runs nowhere else; in a virtual machine each question is a trip
        // to the hypervisor.
        cfg!(all(target_feature = "aes", target_feature = "pclmulqdq"))
            || CpuId::new().get_feature_info().is_some_and(|f| f.has_aesni() && f.has_pclmulqdq())
    }

    /// The detection macro of the standard library is constant for what a build was allowed to
    /// use, so `cpuid` is asked directly.
    pub fn missing() -> Option<&'static str> {
        let id = CpuId::new();
        let (basic, more) = (id.get_feature_info(), id.get_extended_feature_info());
        let basic = |test: fn(&raw_cpuid::FeatureInfo) -> bool| basic.as_ref().is_some_and(test);
        let more = |test: fn(&raw_cpuid::ExtendedFeatures) -> bool| more.as_ref().is_some_and(test);
        let needs = [
            (cfg!(target_feature = "avx2"), more(|f| f.has_avx2()), "AVX2 (x86-64-v3)"),
            (cfg!(target_feature = "bmi2"), more(|f| f.has_bmi2()), "BMI2 (x86-64-v3)"),
            (cfg!(target_feature = "fma"), basic(|f| f.has_fma()), "FMA (x86-64-v3)"),
            (cfg!(target_feature = "aes"), basic(|f| f.has_aesni()), "AES"),
            (cfg!(target_feature = "pclmulqdq"), basic(|f| f.has_pclmulqdq()), "PCLMULQDQ"),
        ];
        needs.iter().find(|(needed, present, _)| *needed && !present).map(|(_, _, name)| *name)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod imp {
    pub fn has_aes() -> bool {
        cfg!(target_feature = "aes")
    }

    pub fn missing() -> Option<&'static str> {
        None
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_machine_that_runs_this_build_has_what_it_needs() {
        assert_eq!(super::imp::missing(), None);
    }
}
