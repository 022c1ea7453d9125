namespace Harness;

/// <summary>Other people's messages, which may have several lines, for errors that must not.</summary>
internal static class OneLine
{
    public static string Of(string text) => string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
