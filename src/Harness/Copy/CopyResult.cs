using Harness.Results;

namespace Harness.Copy;

/// <summary>What <c>harness copy --json</c> writes.</summary>
internal sealed record CopyResult
{
    public required string Source { get; init; }
    public required string Destination { get; init; }

    /// <summary>Bytes of the source.</summary>
    public required ulong SizeBytes { get; init; }

    /// <summary>Bytes that were copied as data.</summary>
    public required ulong DataBytes { get; init; }

    /// <summary>Bytes that were zeroes, by the source's word or by their looks, whatever the destination was told of them.</summary>
    public required ulong ZeroBytes { get; init; }

    /// <summary>Bytes that were read from both ends and compared; null where nothing was verified.</summary>
    public required ulong? ComparedBytes { get; init; }

    /// <summary>Pieces into which the source was cut.</summary>
    public required long Ops { get; init; }

    /// <summary>From the first request to the end of the flush; the comparison is not in it.</summary>
    public required double Seconds { get; init; }

    public required double BytesPerSecond { get; init; }

    /// <summary>Bytes of one request of data at most.</summary>
    public required uint RequestBytes { get; init; }

    /// <summary>In flight for each connection.</summary>
    public required int Requests { get; init; }

    /// <summary>Connections to the source and to the destination; 0 where it is no server.</summary>
    public required int SourceConnections { get; init; }

    public required int DestinationConnections { get; init; }

    public required string Backend { get; init; }
    public required string Wait { get; init; }

    /// <summary>What it cost, for each piece.</summary>
    public required SideCosts Client { get; init; }
}
