// SPDX-License-Identifier: Apache-2.0

import Digests
import FoundationEssentials
import GenerationTypes
import SafeTensors
import StableDiffusion

/// Files of weights that networks of metrics are loaded from.
enum StandardWeights {
    /// The first ten hexadecimal digits of a file's SHA-256: measurements by other weights cannot
    /// be compared.
    ///
    /// - Throws: `EvidenceError.unreadable`.
    static func digest(of path: String) throws(EvidenceError) -> String {
        guard let handle = FileManager.default.contents(atPath: path) else {
            throw .unreadable(path: path)
        }
        return String(Hexadecimal.text(SHA256.hash(data: [UInt8](handle))).prefix(10))
    }
}

extension ComponentWeights {
    /// All tensors of one file, by their names.
    init(file path: String) throws(SafeTensorsError) {
        let tensors = try SafeTensorsFile(path: path).tensors
        self.init(
            path: path, fitting: "this network",
            tensors.map { (name: $0.key, source: $0.value as any WeightSource) })
    }
}
