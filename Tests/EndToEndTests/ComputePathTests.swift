// SPDX-License-Identifier: Apache-2.0

import Foundation
import SafeTensors
import TestSupport
import Testing

extension EndToEndTests {
    /// Every code path of this machine generates the same picture.
    ///
    /// Libraries check once per process what they may use, so each path has its own process.
    @Suite struct ComputePathTests {
        /// A code path, as a user would select it.
        struct Path: Sendable, CustomTestStringConvertible {
            var backend = "onednn"
            var precision = "f32"
            var instructionSet = "auto"
            var threadCount = 1
            /// A setting of oneDNN's own, from the environment: `NAME=VALUE`.
            var oneDNNSetting: String?

            var testDescription: String {
                "\(backend) \(precision) \(instructionSet) \(oneDNNSetting ?? "") t\(threadCount)"
            }

            var arguments: [String] {
                [
                    "--backend", backend, "--precision", precision, "--instruction-set",
                    instructionSet, "-t", "\(threadCount)",
                ]
            }
        }

        /// Relative L2 distance of latents in f32 over two steps: the order of sums.
        static let float32Bound = 1e-4
        /// The same in bf16.
        static let bfloat16Bound = 0.1
        /// The same in int8.
        static let int8Bound = 0.1

        /// The processor's instruction sets, best first.
        private static let instructionSets: [String] = {
            let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
            let flags = Set(
                text.split(separator: "\n").first { $0.hasPrefix("flags") }?
                    .split(separator: " ").map(String.init) ?? [])
            let needed: [(String, [String])] = [
                ("amx-bf16", ["avx512_bf16", "amx_tile", "amx_bf16"]),
                ("avx512-bf16", ["avx512_bf16"]),
                ("avx512-vnni", ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"]),
                ("avx512", ["avx512f", "avx512bw", "avx512dq", "avx512vl"]),
                ("avx2-vnni", ["avx2", "fma", "f16c", "avx_vnni"]),
                ("avx2", ["avx2", "fma", "f16c"]), ("scalar", []),
            ]
            return needed.filter { flags.isSuperset(of: $0.1) }.map(\.0)
        }()

        static let paths: [Path] =
            instructionSets.flatMap { name in
                [
                    Path(instructionSet: name), Path(backend: "openblas", instructionSet: name),
                ]
                    + (name.hasPrefix("avx512") || name.hasPrefix("amx")
                        ? [Path(precision: "bf16", instructionSet: name)] : [])
                    + (name.hasSuffix("vnni") || name.hasSuffix("bf16")
                        ? [Path(precision: "int8", instructionSet: name)] : [])
            }
            + [
                nil, "ONEDNN_DEFAULT_FPMATH_MODE=ANY", "ONEDNN_MAX_CPU_ISA=AVX2",
                "ONEDNN_MAX_CPU_ISA=AVX", "ONEDNN_MAX_CPU_ISA=SSE41",
            ].map { Path(oneDNNSetting: $0) }
            + ["onednn", "openblas"].flatMap { backend in
                [2, 3, 8, 64].map { Path(backend: backend, threadCount: $0) }
            }

        private static func latents(_ path: Path) async throws -> (values: [Float], class: String) {
            let studio = try Studio()
            let ending = try await studio.start(
                ["-p", "a red house in the snow", "--save-latents", "--local-workers", "1"]
                    + path.arguments,
                preparations: path.oneDNNSetting.map { "export \($0)" }
            ).ending()
            #expect(ending.code == 0, "\(path): \(ending)")
            let file = try SafeTensorsFile(
                path: studio.directory.file("out/00000-100.safetensors"))
            let run = try #require(try studio.report()["run"] as? [String: Any])
            let workers = try #require(run["workers"] as? [[String: Any]])
            return (
                try #require(file[file.names[0]]).floats(),
                try #require(workers[0]["kernel_class"] as? String)
            )
        }

        /// The scalar kernels are the reference for all others.
        @Test func allPathsAgree() async throws {
            let reference = Path(backend: "openblas", instructionSet: "scalar")
            let expected = try await Self.latents(reference)
            var classes = [expected.class: expected.values]
            for path in Self.paths {
                let found = try await Self.latents(path)
                let bound =
                    switch path.precision {
                    case "f32": Self.float32Bound
                    case "bf16": Self.bfloat16Bound
                    default: Self.int8Bound
                    }
                let distance = relativeL2(found.values, expected.values)
                #expect(distance <= bound, "\(path): \(distance)")
                // Other bits, another class.
                let known = classes.updateValue(found.values, forKey: found.class)
                #expect(known == nil || known == found.values, "\(path): \(found.class)")
            }
        }
    }
}
