using System.Text;
using Harness.Measure;

namespace Harness.Results;

/// <summary>
/// The folder that a machine's runs go to. Made from what the machine is, not from its host name: a rented machine has a new one every day,
/// and results are published.
/// </summary>
internal static class MachineName
{
    /// <summary>For example <c>amd-epyc-2cpu</c>.</summary>
    public static string Of(EnvironmentFacts facts)
    {
        var cpus = facts.CpuCount is { } count ? $"-{count}cpu" : "";
        return Slug(facts.CpuModel ?? facts.Dotnet.Architecture) + cpus;
    }

    /// <summary>Lower-case letters, digits, dots and single dashes.</summary>
    public static string Slug(string text)
    {
        var model = text.ToLowerInvariant().Replace("(r)", "", StringComparison.Ordinal).Replace("(tm)", "", StringComparison.Ordinal);
        var slug = new StringBuilder();
        foreach (var c in model)
        {
            if (char.IsAsciiLetterOrDigit(c) || c == '.')
            {
                slug.Append(c);
            }
            else if (slug.Length > 0 && slug[^1] != '-')
            {
                slug.Append('-');
            }
        }
        return slug.ToString().Trim('-', '.') is { Length: > 0 } name ? name : "machine";
    }
}
