// SPDX-License-Identifier: Apache-2.0

/// Torch's single-precision Box-Muller transform, bit for bit.
///
/// On x86-64 torch fills large tensors with `NormalFill16` (ATen `DistributionTemplates.h`), whose
/// logarithm and sine are the Cephes polynomials of `avx_mathfun.h`. The compiler that builds torch
/// contracts some of their products and sums into fused operations; the same ones are fused here,
/// so that each value has torch's bits on any CPU.
enum BoxMuller {
    /// Turns 16 uniform values of [0, 1) into 16 normal ones: value `j` and value `j + 8` are a
    /// pair.
    static func transform16(_ values: UnsafeMutablePointer<Float>) {
        for index in 0..<8 {
            // (0, 1], so that the logarithm is finite.
            let radius = (-2 * logarithm(1 - values[index])).squareRoot()
            let (sine, cosine) = sineAndCosine(2 * Float.piNearest * values[index + 8])
            values[index] = radius * cosine
            values[index + 8] = radius * sine
        }
    }

    /// Natural logarithm of a positive normal number, `log256_ps`.
    static func logarithm(_ value: Float) -> Float {
        let bits = max(value, .leastNormalMagnitude).bitPattern
        var exponent = Float(Int32(bits >> 23) - 127) + 1
        var x = Float(bitPattern: (bits & 0x807f_ffff) | 0x3f00_0000)
        if x < 0.707_106_781_186_547_524 {
            exponent -= 1
            x = (x - 1) + x
        } else {
            x -= 1
        }
        let square = x * x
        var y: Float = 7.037_683_629_2e-2
        y = Float(-1.151_461_031_0e-1).addingProduct(y, x)
        y = Float(1.167_699_874_0e-1).addingProduct(y, x)
        y = Float(-1.242_014_084_6e-1).addingProduct(y, x)
        y = Float(1.424_932_278_7e-1).addingProduct(y, x)
        y = Float(-1.666_805_766_5e-1).addingProduct(y, x)
        y = Float(2.000_071_476_5e-1).addingProduct(y, x)
        y = Float(-2.499_999_399_3e-1).addingProduct(y, x)
        y = Float(3.333_333_117_4e-1).addingProduct(y, x)
        y *= x
        y = (exponent * -2.121_944_40e-4).addingProduct(y, square)
        y = y.addingProduct(-0.5, square)
        return (x + y).addingProduct(exponent, 0.693_359_375)
    }

    /// Sine and cosine of an angle ≥ 0, `sincos256_ps`.
    static func sineAndCosine(_ angle: Float) -> (sine: Float, cosine: Float) {
        let octant = (Int32(angle * 1.273_239_544_735_16) + 1) & ~1
        let turns = Float(octant)
        // The angle less a multiple of π/4 held in three parts ("extended precision modular").
        var x = angle.addingProduct(turns, -0.785_156_25)
        x = x.addingProduct(turns, -2.418_756_484_985_351_562_5e-4)
        x = x.addingProduct(turns, -3.774_894_977_445_941_08e-8)
        let square = x * x

        var cosine: Float = 2.443_315_711_809_948e-5
        cosine = Float(-1.388_731_625_493_765e-3).addingProduct(cosine, square)
        cosine = Float(4.166_664_568_298_827e-2).addingProduct(cosine, square)
        cosine = (-0.5 * square).addingProduct(cosine * square, square) + 1

        var sine: Float = -1.951_529_589_1e-4
        sine = Float(8.332_160_873_6e-3).addingProduct(sine, square)
        sine = Float(-1.666_665_461_1e-1).addingProduct(sine, square)
        sine = x.addingProduct(sine * square, x)

        let swapped = octant & 2 != 0
        let sineNegated = octant & 4 != 0
        let cosineNegated = (octant - 2) & 4 == 0
        let (first, second) = swapped ? (cosine, sine) : (sine, cosine)
        return (sineNegated ? -first : first, cosineNegated ? -second : second)
    }
}

extension Float {
    /// π rounded to nearest; `Float.pi` is rounded towards zero.
    static let piNearest: Float = 3.141_592_653_589_793
}
