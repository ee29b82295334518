// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// The layers of a text encoder: small encoders stay packed, large ones are packed again for every
/// prompt, one layer at a time.
///
/// A prompt is encoded once and then serves dozens of U-Net calls. Packed, the layers of Stable
/// Diffusion 1.5 take 0.34 GB in f32 and those of 2.1 four times as much; the file has them anyway.
struct CLIPEncoderLayers: Sendable {
    private enum Layers {
        case kept([CLIPEncoderLayer])
        case deferred([DeferredPart<CLIPEncoderLayer>], ThreadTeam)
    }
    private let layers: Layers

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
        if configuration.layerWeightCount * parts.count <= keptWeightCountMax {
            layers = .kept(try parts.map { try CLIPEncoderLayer(configuration, loader: $0) })
        } else {
            let deferred = try parts.map { part in
                try part.deferred { try CLIPEncoderLayer(configuration, loader: $0) }
            }
            layers = .deferred(deferred, team)
        }
    }

    /// Whether they stay in memory.
    var areKept: Bool {
        if case .kept = layers { true } else { false }
    }

    var count: Int {
        switch layers {
        case .kept(let layers): layers.count
        case .deferred(let layers, _): layers.count
        }
    }

    /// Passes the first layers to `body`, one after the other.
    ///
    /// In a dry run the first one represents all that are not in memory: they are alike.
    func forEach(
        first count: Int, lane: ComputeLane, _ body: (Int, CLIPEncoderLayer) -> Void
    ) throws {
        switch layers {
        case .kept(let layers):
            for index in 0..<count { body(index, layers[index]) }
        case .deferred(let layers, let team):
            for index in 0..<(lane.isMeasuring ? 1 : count) {
                let layer = try layers[index].make(team: team)
                // Packing has left another team on the thread.
                lane.team.adopt()
                body(index, layer)
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
