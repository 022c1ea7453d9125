namespace Harness.Serve;

/// <summary>One <c>--node ID=CHAIN</c>: a chain whose first block has an ID of its own.</summary>
/// <param name="Id">What <c>@ID</c> in other chains and <c>harness ctl</c> call it.</param>
/// <param name="Chain">The chain.</param>
internal sealed record NodeOption(string Id, string Chain)
{
    /// <summary>Reads the option's text.</summary>
    /// <exception cref="FormatException">It cannot be read; the message is one line.</exception>
    public static NodeOption Parse(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && equals < text.Length - 1
            ? new NodeOption(text[..equals], text[(equals + 1)..])
            : throw new FormatException($"'{text}' is not ID=CHAIN, like disk=memory:1G");
    }
}
