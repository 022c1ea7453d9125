using Harness.Matrix;

namespace Harness.Run;

/// <summary>What a peer serves: the <c>block</c> of a cell, as far as peers have the like of it.</summary>
/// <param name="IsNull">Reads give zeroes and writes are dropped; otherwise bytes in memory, zero at first.</param>
/// <param name="Size">Bytes.</param>
internal sealed record PeerExport(bool IsNull, long Size)
{
    /// <summary>Null where the chain is neither <c>memory:SIZE</c> nor <c>null:SIZE</c>.</summary>
    public static PeerExport? Of(string chain)
    {
        var parts = chain.Split(':');
        if (parts.Length != 2 || parts[0] is not ("memory" or "null"))
        {
            return null;
        }
        try
        {
            return new PeerExport(parts[0] == "null", Units.ParseSize(parts[1]));
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
