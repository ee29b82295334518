// SPDX-License-Identifier: Apache-2.0

import Digests
import GenerationTypes
import ImageCodec

/// Whether files of an earlier process are still as they were written.
extension RunDirectory {
    /// How a file is.
    package enum Condition: Sendable, Equatable {
        case whole
        case gone
        /// It was cut, emptied or changed in a way that no program for pictures changes one.
        case damaged
    }

    /// Checks a picture; an edited one is whole.
    package func condition(ofPicture name: String) -> Condition {
        condition(of: name, isWhole: PNG.isWhole)
    }

    /// Checks the latents beside a picture.
    ///
    /// - Parameters:
    ///   - valueCount: so many f32 end the file.
    ///   - sha256: of their bytes.
    package func condition(
        ofLatents name: String, valueCount: Int, sha256: [UInt8]
    ) -> Condition {
        condition(of: name) { bytes in
            let values = bytes.suffix(valueCount * MemoryLayout<Float>.stride)
            let header = bytes.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            return header == bytes.count - values.count - 8
                && SHA256.hash(data: Array(values)) == sha256
        }
    }

    private func condition(of name: String, isWhole: ([UInt8]) -> Bool) -> Condition {
        // A name that no run writes is not looked up: the database may be damaged too.
        guard RunFileName.isOutput(name), let bytes = try? read(name) else { return .gone }
        return isWhole(bytes) ? .whole : .damaged
    }
}
