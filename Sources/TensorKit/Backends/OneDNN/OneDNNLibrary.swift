// SPDX-License-Identifier: Apache-2.0

import COneDNN

/// oneDNN on this processor: the engine for which everything is created.
///
/// `@unchecked Sendable`: the handle never changes, and creating things for an engine is safe from
/// any thread.
package final class OneDNNLibrary: @unchecked Sendable {
    let engine: dnnl_engine_t

    /// Starts the library.
    ///
    /// - Throws: `OneDNNError`.
    package init() throws(OneDNNError) {
        var engine: dnnl_engine_t?
        try OneDNNError.check(dnnl_engine_create(&engine, dnnl_cpu, 0), "create an engine")
        guard let engine else { throw OneDNNError(action: "create an engine", status: "no engine") }
        self.engine = engine
    }

    deinit { dnnl_engine_destroy(engine) }

    /// Limits it to an instruction set, whatever the environment says.
    ///
    /// The library decides once per process, on first use.
    static func limit(to instructionSet: InstructionSet) {
        _ = dnnl_set_max_cpu_isa(instructionSet.oneDNNSet)
    }

    /// The version, such as `2.6.3`.
    package static var version: String {
        guard let version = dnnl_version()?.pointee else { return "unknown" }
        return "\(version.major).\(version.minor).\(version.patch)"
    }

    /// The instruction set it generates code for, such as `avx512_core_bf16`.
    package static var instructionSet: String {
        guard let name = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa()) else { return "unknown" }
        // "cpu_isa_avx512_core" in some versions.
        let text = String(cString: name)
        return text.hasPrefix("cpu_isa_") ? String(text.dropFirst("cpu_isa_".count)) : text
    }

    /// `output = left · rightᵀ` on contiguous row-major f32 matrices.
    static func multiplyTransposed(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        let (plain, transposed) = (CChar(UInt8(ascii: "N")), CChar(UInt8(ascii: "T")))
        let status = dnnl_sgemm(
            plain, transposed, dnnl_dim_t(leftCount), dnnl_dim_t(rightCount), dnnl_dim_t(depth), 1,
            left, dnnl_dim_t(depth), right, dnnl_dim_t(depth), 0, output, dnnl_dim_t(outputStride))
        precondition(status == dnnl_success, "a product of f32 matrices needs no support")
    }

    /// Whether it has its own bf16 code; otherwise it would fall back to a loop in C++.
    package static var supportsBFloat16: Bool {
        // Flags accumulate: every set from AVX-512 (F, BW, DQ, VL) up includes those bits.
        let required = dnnl_cpu_isa_avx512_core.rawValue
        return dnnl_get_effective_cpu_isa().rawValue & required == required
    }
}

/// A failed call into oneDNN.
package struct OneDNNError: Error, CustomStringConvertible {
    /// The attempted action.
    package let action: String
    /// The library's name for the error.
    package let status: String

    package var description: String {
        "oneDNN can't \(action) (\(status)); try --backend openblas, or --precision f32"
    }

    /// - Parameter action: evaluated only on failure.
    static func check(
        _ status: dnnl_status_t, _ action: @autoclosure () -> String
    ) throws(OneDNNError) {
        guard status != dnnl_success else { return }
        let name =
            dnnl_status2str(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
        throw OneDNNError(action: action(), status: name)
    }
}

extension ElementType {
    /// The same, in oneDNN's terms.
    var oneDNNType: dnnl_data_type_t {
        switch self {
        case .float32: dnnl_f32
        case .bfloat16: dnnl_bf16
        }
    }
}
