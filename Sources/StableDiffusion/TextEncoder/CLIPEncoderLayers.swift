// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TensorKit

/// The layers of a text encoder: small encoders stay packed, large ones are packed for a prompt, one
/// layer at a time, and stay packed from then on if the caller wants them to.
///
/// A prompt is encoded once and then serves dozens of U-Net calls. Packed, the layers of Stable
/// Diffusion 1.5 take 0.34 GB in f32 and those of 2.1 four times as much; the file has them anyway.
struct CLIPEncoderLayers: Sendable {
    private enum Layers {
        case kept([CLIPEncoderLayer])
        case deferred([DeferredPart<CLIPEncoderLayer>], ThreadTeam, PackedLayers)
    }

    /// Deferred layers that stay packed, by index.
    private final class PackedLayers: Sendable {
        let layers = Mutex<[Int: CLIPEncoderLayer]>([:])
    }

    private let layers: Layers
    /// Bytes that all layers take while they are packed.
    let packedByteCount: Int

    /// Total weights worth keeping: 64 MB in f32.
    static let keptWeightCountMax = 1 << 24

    /// - Parameters:
    ///   - team: the threads that pack.
    ///   - keptWeightCountMax: total weights that are kept.
    init(
        _ configuration: TextEncoderConfiguration, loader: WeightLoader, team: ThreadTeam,
        keptWeightCountMax: Int
    ) throws {
        let parts = (0..<configuration.layerCount).map { loader.scoped("encoder.layers", $0) }
        let weightCount = configuration.layerWeightCount * parts.count
        packedByteCount = weightCount * loader.activationType.byteCount
        if weightCount <= keptWeightCountMax {
            layers = .kept(try parts.map { try CLIPEncoderLayer(configuration, loader: $0) })
        } else {
            let deferred = try parts.map { part in
                try part.deferred { try CLIPEncoderLayer(configuration, loader: $0) }
            }
            layers = .deferred(deferred, team, PackedLayers())
        }
    }

    var count: Int {
        switch layers {
        case .kept(let layers): layers.count
        case .deferred(let layers, _, _): layers.count
        }
    }

    /// Whether the first layers are in memory.
    func arePacked(first count: Int) -> Bool {
        switch layers {
        case .kept: true
        case .deferred(_, _, let packed):
            packed.layers.withLock { layers in (0..<count).allSatisfy { layers[$0] != nil } }
        }
    }

    /// Gives back the memory of layers that can be packed again.
    ///
    /// - Returns: whether there were any.
    func releasePacked() -> Bool {
        guard case .deferred(_, _, let packed) = layers else { return false }
        return packed.layers.withLock { layers in
            defer { layers = [:] }
            return !layers.isEmpty
        }
    }

    /// Passes the first layers to `body`, one after the other.
    ///
    /// In a dry run the first one represents all that are not in memory: they are alike.
    /// - Parameter keepsPacked: whether layers that are packed now stay so.
    func forEach(
        first count: Int, keepsPacked: Bool, lane: ComputeLane,
        _ body: (Int, CLIPEncoderLayer) -> Void
    ) throws {
        switch layers {
        case .kept(let layers):
            for index in 0..<count { body(index, layers[index]) }
        case .deferred(let layers, let team, let packed):
            for index in 0..<(lane.isMeasuring ? 1 : count) {
                let known = packed.layers.withLock { $0[index] }
                let layer = try known ?? layers[index].make(team: team)
                // Packing has left another team on the thread.
                lane.team.adopt()
                body(index, layer)
                if keepsPacked { packed.layers.withLock { $0[index] = layer } }
            }
        }
    }
}

extension TextEncoderConfiguration {
    /// Weights of one layer's products.
    fileprivate var layerWeightCount: Int {
        4 * hiddenSize * hiddenSize + 2 * hiddenSize * intermediateSize
    }
}
