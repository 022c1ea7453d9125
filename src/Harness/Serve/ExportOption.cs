namespace Harness.Serve;

/// <summary>
/// One <c>--export NAME[,description=TEXT][=CHAIN]</c>: a name, and what is behind it. Within name and text, <c>% , =</c> are percent-encoded.
/// </summary>
/// <param name="Name">What clients ask for; empty is the default export.</param>
/// <param name="Description">For people, in listings; null where none was written.</param>
/// <param name="Chain">The chain of blocks; null for that of <c>--block</c>.</param>
internal sealed record ExportOption(string Name, string? Description, string? Chain)
{
    private const string DescriptionKey = "description=";

    /// <summary>Reads the option's text.</summary>
    /// <exception cref="FormatException">It cannot be read; the message is one line.</exception>
    public static ExportOption Parse(string text)
    {
        string? description = null;
        int end = text.IndexOfAny([',', '=']);
        string name = end < 0 ? text : text[..end];
        string rest = end < 0 ? string.Empty : text[end..];
        if (rest.StartsWith(','))
        {
            if (!rest[1..].StartsWith(DescriptionKey, StringComparison.Ordinal))
            {
                throw new FormatException($"'{text}': only ',{DescriptionKey}TEXT' may follow a name; write a comma within a name as %2C");
            }

            rest = rest[(1 + DescriptionKey.Length)..];
            end = rest.IndexOf('=', StringComparison.Ordinal);
            description = Uri.UnescapeDataString(end < 0 ? rest : rest[..end]);
            rest = end < 0 ? string.Empty : rest[end..];
        }

        string? chain = rest.Length > 0 ? rest[1..] : null;
        if (chain is "")
        {
            throw new FormatException($"'{text}': no chain follows the '='; write one, like {name}=memory:1G");
        }

        name = Uri.UnescapeDataString(name);
        return Nbd.ExportName.TryCheck(name, out string error) ? new ExportOption(name, description, chain) : throw new FormatException(error);
    }
}
