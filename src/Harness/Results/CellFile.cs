using System.Security.Cryptography;
using System.Text;

namespace Harness.Results;

/// <summary>A cell's id as a file name.</summary>
internal static class CellFile
{
    private const int MaxLength = 180;

    /// <summary>The id itself where it can be one; a slash is <c>%2F</c>, and an id too long for a file name is cut and ends in its hash.</summary>
    public static string Name(string cellId)
    {
        var name = cellId.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal);
        if (name.Length <= MaxLength)
        {
            return name;
        }
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(cellId)))[..12];
        return $"{name[..(MaxLength - 13)]}~{hash}";
    }
}
