using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The world of one program, drawn from its seed.</summary>
internal sealed record EngineSetup
{
    /// <summary>Bytes that are written and checked as one.</summary>
    public const int UnitBytes = 128;

    public const int Units = 192;

    public const int DiskBytes = Units * UnitBytes;

    public required int Seed { get; init; }

    public required BlockCapabilities Capabilities { get; init; }

    public required bool ReadOnly { get; init; }

    public required int Connections { get; init; }

    public required int MaxInFlight { get; init; }

    public required long MaxBytes { get; init; }

    /// <summary>Of the requests that reach the store, how many in a thousand fail.</summary>
    public required int ErrorsPerThousand { get; init; }

    public bool CanFlush => (Capabilities & BlockCapabilities.Flush) != 0;

    public bool CanFua => CanFlush || (Capabilities & BlockCapabilities.Fua) != 0;

    public bool Can(BlockCapabilities capability) => (Capabilities & capability) != 0;

    public static EngineSetup Draw(int seed, Random random)
    {
        BlockCapabilities can = random.Next(5) > 0 ? BlockCapabilities.Flush : BlockCapabilities.None;
        can |= random.Next(3) == 0 ? BlockCapabilities.Fua : 0;
        can |= random.Next(4) > 0 ? BlockCapabilities.Trim : 0;
        can |= random.Next(4) > 0 ? BlockCapabilities.WriteZeroes | (random.Next(2) > 0 ? BlockCapabilities.FastZero : 0) : 0;
        can |= random.Next(2) > 0 ? BlockCapabilities.Cache : 0;
        can |= random.Next(2) > 0 ? BlockCapabilities.MultiConn : 0;
        return new EngineSetup
        {
            Seed = seed,
            Capabilities = can,
            ReadOnly = random.Next(12) == 0,
            Connections = random.Next(1, 6),
            MaxInFlight = random.Next(1, 24),
            MaxBytes = random.Next(2) == 0 ? 4096 : 1 << 20,
            ErrorsPerThousand = random.Next(3) == 0 ? random.Next(200) : 0,
        };
    }

    public override string ToString() =>
        $"seed {Seed}: {Connections} connections, {MaxInFlight} in flight, {MaxBytes} bytes, {Capabilities}{(ReadOnly ? ", read-only" : string.Empty)}, {ErrorsPerThousand} ‰ errors";
}
