using System.Security.Cryptography;
using System.Text;

namespace Harness.Results;

/// <summary>A cell's id as a file name.</summary>
internal static class CellFile
{
    private const int MaxLength = 180;

    /// <summary>
    /// The id itself where it can be one; a slash is <c>%2F</c>, and an id too long for a file name is cut and ends in its hash. An id that ends like the
    /// files of a cell's other histograms, as <c>block=file:/x.lag</c> does, is kept apart from them by <c>%2E</c>.
    /// </summary>
    public static string Name(string cellId)
    {
        var name = cellId.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal);
        foreach (var part in LatencyKinds.All.Select(LatencyKinds.Part).Where(part => part.Length > 0 && name.EndsWith(part, StringComparison.Ordinal)))
        {
            name = $"{name[..^part.Length]}%2E{part[1..]}";
        }
        if (name.Length <= MaxLength)
        {
            return name;
        }
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(cellId)))[..12];
        return $"{name[..(MaxLength - 13)]}~{hash}";
    }
}
