using System.Globalization;
using Harness.Measure;
using Harness.Results;

namespace Harness.Micro;

/// <summary>Where the tables of a run go: beside the runs of the matrices, under the machine's name.</summary>
internal static class MicroResults
{
    /// <summary>Copies what the exporters have written, under the names of the parts; nothing was measured, nothing is made.</summary>
    public static void Keep(string exported)
    {
        if (!Directory.Exists(exported))
        {
            return;
        }

        var facts = new EnvironmentReader().Read(RingFacts.Read(), DotnetFacts.Read());
        string date = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture);
        string root = Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results");
        string folder = Directory.CreateDirectory(Path.Combine(root, MachineName.Of(facts), $"{date}-micro-{Checkout.Commit()}")).FullName;
        foreach (string file in Directory.GetFiles(exported))
        {
            File.Copy(file, Path.Combine(folder, NameOf(file)), overwrite: true);
        }

        Console.WriteLine($"results: {folder}");
    }

    // Harness.Micro.RingNop-report-github.md is RingNop.md here.
    private static string NameOf(string file) =>
        Path.GetFileName(file).Replace("Harness.Micro.", "", StringComparison.Ordinal).Split('-')[0] + Path.GetExtension(file);
}
