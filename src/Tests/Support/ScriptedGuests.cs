using System.Text.Json;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;
using Harness.Tests.Unit;

namespace Harness.Tests;

/// <summary>
/// An emulator that is a shell script. In it <c>emit facts</c>, <c>emit cells WHAT</c> and <c>emit end</c> are what a guest would say, <c>$kernel</c> is the
/// kernel's file, <c>$console</c> and <c>$results</c> are the two serial ports, and <c>$here</c> is the test's folder.
/// </summary>
internal sealed class ScriptedGuests
{
    private const string ImageHash = "scripted";

    private readonly TempDir _folder;

    public ScriptedGuests(TempDir folder, string script)
    {
        _folder = folder;
        var probe = ProbeDocument.Of(ResultsSamples.Environment, [], []);
        var load = ResultsSamples.Ok(ResultsSamples.Cell("epoll", "read"), 1, 1000).Load! with { Ops = 1000, Seconds = 0.025 };
        File.WriteAllText(folder.File("facts"), $"facts {JsonSerializer.Serialize(probe, ResultsJson.Line.ProbeDocument)}\n");
        File.WriteAllText(folder.File("ok"), $"ok {JsonSerializer.Serialize(load, ResultsJson.Line.LoadResult)}\n");
        File.WriteAllText(
            folder.File("collected"), $"ok {JsonSerializer.Serialize(load with { Client = load.Client with { GcCount = 1 } }, ResultsJson.Line.LoadResult)}\n");
        File.WriteAllText(folder.File("qemu"), $$"""
            #!/bin/sh
            for word; do
              case $before in -kernel) kernel=$word;; -initrd) initrd=$word;; esac
              case $word in file,id=console,path=*) console=${word#*path=};; file,id=results,path=*) results=${word#*path=};; esac
              before=$word
            done
            here={{folder.Path}}
            emit() {
              case $1 in
                facts) cat $here/facts >>$results;;
                cells) for cell in $(grep -a -o '^cell [0-9]* ' $initrd | sed -n 's/^cell \([0-9]*\) .*/\1/p'); do
                    echo "begin $cell" >>$results
                    if [ -f "$here/$2" ]; then printf 'cell %s ' $cell >>$results; cat "$here/$2" >>$results; else echo "cell $cell $2" >>$results; fi
                  done;;
                end) echo end >>$results;;
              esac
            }
            : >$console; : >$results
            {{script}}
            """ + "\n");
        Tool.Run("chmod", "700", folder.File("qemu")).Succeeded();
        File.WriteAllText(folder.File("image"), "");
    }

    public Qemu Qemu => new(_folder.File("qemu"), "7.2");

    public GuestImage Image => new(_folder.File("image"), ImageHash);

    public IReadOnlyList<CachedKernel> Kernels(params string[] releases) =>
    [
        .. releases.Select(release =>
        {
            File.WriteAllText(_folder.File($"vmlinuz-{release}"), release);
            return new CachedKernel(_folder.Path, new KernelFacts { Release = release, Image = $"vmlinuz-{release}", Sha256 = release });
        }),
    ];

    /// <summary>A run of a matrix on such kernels, two guests at a time.</summary>
    public KernelRunSession Session(string yaml, params string[] releases) => Session(_folder, yaml, Kernels(releases), Qemu, Image);

    /// <summary>The same with a real emulator's or a scripted one's image; a script that says nothing for a second hangs.</summary>
    public static KernelRunSession Session(TempDir folder, string yaml, IReadOnlyList<CachedKernel> kernels, Qemu qemu, GuestImage image)
    {
        File.WriteAllText(folder.File("m.yml"), yaml);
        return new KernelRunSession
        {
            Matrix = MatrixReader.Read(folder.File("m.yml"), brief: false),
            Filter = null,
            Kernels = kernels,
            ResultsRoot = folder.File("results"),
            CommandLine = "harness kernels run",
            Qemu = qemu,
            Image = image,
            ReadyToRun = true,
            Guests = 2,
            Silence = image.Hash == ImageHash ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(5),
            Messages = TextWriter.Null,
        };
    }
}
