// SPDX-License-Identifier: Apache-2.0

import COpenBLAS

/// The OpenBLAS of this system, opened once per process.
///
/// `@unchecked Sendable`: an immutable table of functions; the library runs any number of
/// single-threaded products concurrently.
package struct OpenBLASLibrary: @unchecked Sendable {
    private let functions: UnsafePointer<rt_openblas>

    /// Opens the library with the fastest kernels that this processor can run.
    ///
    /// - Parameter path: a file, or a name for the system's search path.
    /// - Throws: `OpenBLASError` if there is no such library.
    package init(cpu: CPUInfo, path: String = "libopenblas.so.0") throws(OpenBLASError) {
        var message = [CChar](repeating: 0, count: 512)
        let core = Self.coreType(for: cpu)
        guard let functions = rt_openblas_open(path, core, &message, Int32(message.count)) else {
            let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw OpenBLASError(reason: String(decoding: bytes, as: UTF8.self))
        }
        self.functions = functions
    }

    /// The kernels to request; `nil` leaves the choice to the library.
    ///
    /// Debian's 0.3.21 knows the processors of 2022: on a later one it falls back to AVX2, at half
    /// the speed. Its AVX-512 kernels need only F, DQ, BW and VL.
    package static func coreType(for cpu: CPUInfo) -> String? {
        if cpu.hasAVX512 { return "SkylakeX" }
        if cpu.hasAVX2 { return cpu.vendor == "AuthenticAMD" ? "Zen" : "Haswell" }
        return nil
    }

    /// The name of the kernels in use, such as `SkylakeX`.
    package var coreName: String { String(cString: functions.pointee.corename()) }

    /// The version, such as `0.3.21`.
    package var version: String {
        // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …"
        let words = String(cString: functions.pointee.config()).split(separator: " ")
        return words.dropFirst().first.map(String.init) ?? "unknown"
    }

    /// `c = a · b + (accumulates ? c : 0)` on row-major matrices.
    func multiply(_ a: Matrix, _ b: Matrix, into c: MutableMatrix, accumulates: Bool = false) {
        let depth = a.columns
        precondition(a.rows == c.rows && b.columns == c.columns && b.rows == depth, "matrix sizes")
        functions.pointee.sgemm(
            Int32(RT_BLAS_ROW_MAJOR), Int32(RT_BLAS_NO_TRANS), Int32(RT_BLAS_NO_TRANS),
            Int32(c.rows), Int32(c.columns), Int32(depth), 1, a.base, Int32(a.stride), b.base,
            Int32(b.stride), accumulates ? 1 : 0, c.base, Int32(c.stride))
    }

    /// `c = a · bᵀ` on row-major matrices.
    func multiplyTransposed(_ a: Matrix, _ b: Matrix, into c: MutableMatrix) {
        precondition(
            a.rows == c.rows && b.rows == c.columns && a.columns == b.columns, "matrix sizes")
        functions.pointee.sgemm(
            Int32(RT_BLAS_ROW_MAJOR), Int32(RT_BLAS_NO_TRANS), Int32(RT_BLAS_TRANS),
            Int32(c.rows), Int32(c.columns), Int32(a.columns), 1, a.base, Int32(a.stride), b.base,
            Int32(b.stride), 0, c.base, Int32(c.stride))
    }
}

/// A row-major f32 matrix that is read; rows are `stride` values apart.
struct Matrix {
    var base: UnsafePointer<Float>
    var rows: Int
    var columns: Int
    var stride: Int

    /// The part that starts at a row and a column.
    func part(rows: Range<Int>, columns: Range<Int>) -> Matrix {
        Matrix(
            base: base + rows.lowerBound * stride + columns.lowerBound, rows: rows.count,
            columns: columns.count, stride: stride)
    }
}

/// A row-major f32 matrix that is written.
struct MutableMatrix {
    var base: UnsafeMutablePointer<Float>
    var rows: Int
    var columns: Int
    var stride: Int

    /// The part that starts at a row and a column.
    func part(rows: Range<Int>, columns: Range<Int>) -> MutableMatrix {
        MutableMatrix(
            base: base + rows.lowerBound * stride + columns.lowerBound, rows: rows.count,
            columns: columns.count, stride: stride)
    }
}

/// OpenBLAS cannot be used.
package struct OpenBLASError: Error, CustomStringConvertible {
    /// The message of the system's loader.
    package let reason: String

    package var description: String {
        "can't open OpenBLAS (\(reason)); install libopenblas0, or choose --backend onednn"
    }
}
