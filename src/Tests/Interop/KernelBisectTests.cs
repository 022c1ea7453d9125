using System.Text.Json;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Kernels.Hunt;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Interop;

/// <summary>A bisection over kernels of which an emulator that is a script tells the figures: what it keeps, and what it goes on with.</summary>
public sealed class KernelBisectTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Versions_are_fetched_booted_and_left_as_runs_and_a_second_call_boots_none_of_them()
    {
        Prepare(jumpAt: 6, panicAt: 5);
        var (document, boots, fetched) = Bisect();
        Assert.Equal(("7.4.0", "7.6.0"), (document.LastGood, document.FirstBad));
        Assert.Equal(["7.5.0"], document.Skipped);
        BisectKernel skipped = Assert.Single(document.Kernels, kernel => kernel.Verdict == BisectVerdict.Skipped);
        Assert.StartsWith("the kernel panicked: Kernel panic - not syncing", skipped.Reason);
        // The script counts 100 operations, 40,000 instructions of user code and 1,300 of the kernel's in the window.
        Assert.Equal((400.0, 13.0), (document.Kernels[0].Figure!.UserInstructionsPerOp, document.Kernels[0].Figure!.KernelInstructionsPerOp));
        Assert.Equal(document.Kernels.Count, boots);
        Assert.Equal(document.Kernels.Count - 1, fetched);
        // They have a matrix of their own, so that harness kernels compare does not take them for the newest of the whole one.
        RunRecord[] runs = [.. document.Kernels.Select(kernel => kernel.Folder).OfType<string>().Select(folder => RunReader.Read(folder).Run)];
        Assert.All(runs, run => Assert.Equal((KernelRuns.Bisected, document.Cell), (run.Matrix, run.Filter)));
        Assert.NotEmpty(runs);

        var (again, bootsAgain, fetchedAgain) = Bisect();
        Assert.Equal((document.LastGood, document.FirstBad), (again.LastGood, again.FirstBad));
        // Only the one that panics left nothing behind.
        Assert.Equal((1, 1), (bootsAgain, fetchedAgain));
        Assert.All(again.Kernels, kernel => Assert.Equal(kernel.Release != "7.5.0", kernel.FromResults));
    }

    [Theory]
    [InlineData("no mistakes", "kernels", "bisect", "6.1", "7.2", "--threshold", "0", "'0' is not a threshold; write a number of percent above 0")]
    [InlineData("no cell", "kernels", "bisect", "6.1", "7.2", "--cell", "layer=sycall", "--cell 'layer=sycall' matches none of 50 cells")]
    [InlineData("several", "kernels", "attribute", "6.1", "7.2", "--cell", "depth=1", "has 32 cells, and one is hunted for: give --cell the id of one, like 'backend=")]
    [InlineData("one boot", "kernels", "attribute", "6.1", "7.2", "--boots", "2", "--boots: '2' is not two boots; write one for each kernel, like 1,2")]
    [InlineData("boot 0", "kernels", "attribute", "6.1", "7.2", "--boots", "1,0", "--boots: ")]
    [InlineData("nothing here", "kernels", "attribute", "6.1", "7.2", "--cell", "layer=syscall", "there is no kernel 6.1; harness kernels list shows")]
    [InlineData("nothing here", "kernels", "bisect", "6.1", "7.2", "--cell", "layer=syscall", "there is no kernel 6.1; harness kernels list shows")]
    public void A_mistake_is_one_line(string name, params string[] words)
    {
        // The cell of the mitigations is another, and its id holds this one's.
        string[] exact = words.Contains("layer=syscall") ? ["--cached"] : [];
        var (code, _, error) = VerbConsole.Invoke([.. words[..^1], .. exact, "--cache", _folder.File(name)]);
        Assert.Equal(2, code);
        Assert.Contains(words[^1], Assert.Single(error.TrimEnd('\n').Split('\n')));
    }

    private (BisectDocument Document, int Boots, int Fetched) Bisect()
    {
        File.WriteAllText(_folder.File("boots"), "");
        int fetched = 0;
        CachedKernel Kernel(string release) =>
            new(_folder.Path, new KernelFacts { Release = release, Version = "1", Image = $"vmlinuz-{release}", Sha256 = release });
        KernelCandidate[] versions =
        [
            .. Enumerable.Range(1, 9).Select(minor => $"7.{minor}.0")
                .Select(release => new KernelCandidate(release, "1", "steady", release == "7.1.0" ? Kernel(release) : null, new KernelOffer(release, "steady", []))),
        ];
        MatrixDefinition matrix = MatrixReader.Read(_folder.File("m.yml"), brief: false);
        var measurer = new KernelMeasurer
        {
            Matrix = matrix,
            Tools = new GuestTools(
                new Qemu(_folder.File("qemu"), "7.2"), new GuestImage(_folder.File("image"), "scripted"), ReadyToRun: true, new InstructionPlugin("plugin.so")),
            ResultsRoot = _folder.File("results"),
            CommandLine = "harness kernels bisect",
            Silence = TimeSpan.FromSeconds(20),
            Messages = TextWriter.Null,
            Fetch = offer =>
            {
                fetched++;
                return Kernel(offer.Release);
            },
        };
        var session = new BisectSession(matrix.Cells()[0].Id, versions, candidate => measurer.Measure(candidate, CancellationToken.None), _ => { });
        BisectDocument document = session.Run(null, CancellationToken.None);
        return (document, File.ReadAllLines(_folder.File("boots")).Length, fetched);
    }

    private void Prepare(int jumpAt, int panicAt)
    {
        var probe = ProbeDocument.Of(Unit.ResultsSamples.Environment, [], []);
        File.WriteAllText(_folder.File("m.yml"), "layer: syscall\nrounds: 1\nops: 100\n");
        File.WriteAllText(_folder.File("image"), "");
        File.WriteAllText(_folder.File("facts"), $"facts {JsonSerializer.Serialize(probe, ResultsJson.Line.ProbeDocument)}\n");
        LoadResult load = Unit.ResultsSamples.Ok(Unit.ResultsSamples.Cell("epoll", "read"), 1, 1000).Load!;
        foreach (int minor in Enumerable.Range(1, 9))
        {
            File.WriteAllText(_folder.File($"vmlinuz-7.{minor}.0"), "");
            if (minor != panicAt)
            {
                double seconds = minor >= jumpAt ? 126_300e-9 : 41_300e-9;
                string json = JsonSerializer.Serialize(load with { Ops = 100, Seconds = seconds }, ResultsJson.Line.LoadResult);
                File.WriteAllText(_folder.File($"says-7.{minor}.0"), $"{File.ReadAllText(_folder.File("facts"))}begin 0\ncell 0 ok {json}\nend\n");
            }
        }
        File.WriteAllText(_folder.File("qemu"), $$"""
            #!/bin/sh
            for word; do
              case $before in -kernel) kernel=${word##*/vmlinuz-};; -plugin) windows=${word#*windows=};; esac
              case $word in file,id=console,path=*) console=${word#*path=};; file,id=results,path=*) results=${word#*path=};; esac
              before=$word
            done
            echo $kernel >>{{_folder.File("boots")}}
            : >$console; : >$results
            if [ -e {{_folder.File("says-")}}$kernel ]; then
              echo 'window 0 40000 1300' >$windows
              cat {{_folder.File("says-")}}$kernel >$results
            else
              echo 'Kernel panic - not syncing: no root' >$console
            fi
            """ + "\n");
        Tool.Run("chmod", "700", _folder.File("qemu")).Succeeded();
    }
}
