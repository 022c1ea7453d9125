namespace Harness.Kernels.Archive;

/// <summary>Reads deb822(5), the format of control files: stanzas of <c>Field: value</c> with continued lines, apart by empty lines.</summary>
internal static class ControlFile
{
    /// <summary>The stanzas, as they come. A value of several lines has a line break before each but the first.</summary>
    public static IEnumerable<IReadOnlyDictionary<string, string>> Parse(IEnumerable<string> lines)
    {
        var stanza = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string? field = null;
        foreach (string line in lines)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                if (stanza.Count > 0)
                {
                    yield return stanza;
                    stanza = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                }
                field = null;
            }
            else if (char.IsWhiteSpace(line[0]))
            {
                if (field is not null)
                {
                    stanza[field] += "\n" + line.Trim();
                }
            }
            else if (line[0] != '#' && line.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon)
            {
                field = line[..colon];
                stanza[field] = line[(colon + 1)..].Trim();
            }
        }
        if (stanza.Count > 0)
        {
            yield return stanza;
        }
    }
}
