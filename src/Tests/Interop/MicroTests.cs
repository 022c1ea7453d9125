namespace Harness.Tests.Interop;

/// <summary><c>bench/Micro</c>, as it was built with everything else.</summary>
public sealed class MicroTests
{
    private static string Program => Path.Combine(Repository.Root, "bench", "Micro", "bin", "Release", "net10.0", "Harness.Micro.dll");

    [SkippableFact]
    public void Every_part_of_the_hot_path_has_its_benchmarks()
    {
        Skip.IfNot(File.Exists(Program), "bench/Micro is not built here; dotnet build Harness.sln -c Release builds it");
        var listed = Tool.Run(Requires.Tool("dotnet"), Program, "--list", "flat").Succeeded().Output.Split('\n');
        string[] parts =
        [
            "RingNop.SubmitAndComplete", "Codec.ParseRequests", "Codec.WriteReplies", "HistogramRecord.RecordValue", "LoopTurn.Turn",
            "InFlightTable.FillAndEmpty",
        ];
        foreach (string part in parts)
        {
            Assert.Contains("Harness.Micro." + part, listed);
        }
    }
}
