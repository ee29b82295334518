// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// diffusers' `AutoencoderKL.tiled_decode`: overlapping tiles, blended over a quarter of a tile.
///
/// Memory is bounded by one tile's decoding and two rows of decoded tiles.
struct TiledDecoding {
    /// Latent rows and columns of a tile: diffusers' `tile_latent_min_size`, rounded down to a
    /// multiple of 4 so that a quarter of it is whole.
    let latentSide: Int
    private let scaleFactor: Int

    /// How much of a tile overlaps the next one: diffusers' `tile_overlap_factor`, as 1 / 4.
    private static let overlapDivisor = 4

    init(_ configuration: VAEConfiguration) {
        scaleFactor = configuration.scaleFactor
        let side = configuration.sampleSide / scaleFactor
        latentSide = max(side / Self.overlapDivisor, 1) * Self.overlapDivisor
    }

    /// Latent rows from one tile to the next.
    private var latentStep: Int { latentSide - latentSide / Self.overlapDivisor }
    /// Picture rows over which two tiles are blended.
    private var blendExtent: Int { latentSide / Self.overlapDivisor * scaleFactor }

    /// Decodes item by item and tile by tile.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, latentChannels]`, f32, contiguous.
    ///   - image: `[batch, height', width', 3]`, f32.
    ///   - decodeTile: decodes a tile into a tensor of its picture's shape.
    func decode(
        _ latents: Tensor, into image: Tensor, lane: ComputeLane,
        decodeTile: (_ latents: Tensor, _ image: Tensor) -> Void
    ) {
        let rows = Array(stride(from: 0, to: latents.shape.height, by: latentStep))
        let columns = Array(stride(from: 0, to: latents.shape.width, by: latentStep))
        let tileShape = TensorShape(
            height: latentSide * scaleFactor, width: latentSide * scaleFactor,
            channels: image.shape.channels)
        lane.workspace.scope {
            // Two rows of tiles that take turns: the one above and the one being decoded.
            let buffers = (0..<2 * columns.count).map { _ in
                lane.workspace.tensor(tileShape, .float32)
            }
            for item in 0..<latents.shape.batch {
                let source = latents.batch(item..<item + 1)
                let target = image.batch(item..<item + 1)
                var above: [Tensor] = []
                for (index, row) in rows.enumerated() {
                    let offset = index % 2 * columns.count
                    var current: [Tensor] = []
                    for (position, column) in columns.enumerated() {
                        let tile = decode(
                            source, row: row, column: column, buffer: buffers[offset + position],
                            lane: lane, decodeTile: decodeTile)
                        if !lane.isMeasuring {
                            if index > 0 { blendDown(above[position], tile) }
                            if position > 0 { blendRight(current[position - 1], tile) }
                            place(tile, in: target, row: row, column: column)
                        }
                        current.append(tile)
                    }
                    above = current
                }
            }
        }
    }

    /// Cuts a tile out of the latents and decodes it into the buffer.
    private func decode(
        _ latents: Tensor, row: Int, column: Int, buffer: Tensor, lane: ComputeLane,
        decodeTile: (_ latents: Tensor, _ image: Tensor) -> Void
    ) -> Tensor {
        let height = min(latentSide, latents.shape.height - row)
        let width = min(latentSide, latents.shape.width - column)
        let image = Tensor(
            storage: buffer.storage, byteOffset: buffer.byteOffset,
            shape: buffer.shape.with(height: height * scaleFactor, width: width * scaleFactor),
            elementType: .float32)
        lane.workspace.scope {
            let tile = lane.workspace.tensor(
                latents.shape.with(height: height, width: width), .float32)
            if !lane.isMeasuring {
                let rowLength = width * latents.shape.channels
                for y in 0..<height {
                    let start = ((row + y) * latents.shape.width + column) * latents.shape.channels
                    (tile.floats + y * rowLength).update(
                        from: latents.floats + start, count: rowLength)
                }
            }
            decodeTile(tile, image)
        }
        return image
    }

    /// `blend_v`: the first rows of a tile fade in over the last rows of the tile above.
    private func blendDown(_ above: Tensor, _ tile: Tensor) {
        let extent = min(above.shape.height, tile.shape.height, blendExtent)
        let rowLength = tile.shape.width * tile.shape.channels
        for y in 0..<extent {
            let weight = Float(y) / Float(extent)
            let source = above.floats + (above.shape.height - extent + y) * rowLength
            let target = tile.floats + y * rowLength
            for index in 0..<rowLength {
                target[index] = source[index] * (1 - weight) + target[index] * weight
            }
        }
    }

    /// `blend_h`: the first columns of a tile fade in over the last columns of the tile before.
    private func blendRight(_ left: Tensor, _ tile: Tensor) {
        let extent = min(left.shape.width, tile.shape.width, blendExtent)
        let channels = tile.shape.channels
        for y in 0..<tile.shape.height {
            let first = y * left.shape.width + left.shape.width - extent
            let source = left.floats + first * channels
            let target = tile.floats + y * tile.shape.width * channels
            for x in 0..<extent {
                let weight = Float(x) / Float(extent)
                for index in x * channels..<(x + 1) * channels {
                    target[index] = source[index] * (1 - weight) + target[index] * weight
                }
            }
        }
    }

    /// Copies the part of a tile that no later tile changes.
    private func place(_ tile: Tensor, in image: Tensor, row: Int, column: Int) {
        let limit = latentSide * scaleFactor - blendExtent
        let height = min(tile.shape.height, limit)
        let width = min(tile.shape.width, limit)
        let channels = tile.shape.channels
        for y in 0..<height {
            let pixel = (row * scaleFactor + y) * image.shape.width + column * scaleFactor
            (image.floats + pixel * channels).update(
                from: tile.floats + y * tile.shape.width * channels, count: width * channels)
        }
    }
}
