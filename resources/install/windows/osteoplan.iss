; Inno Setup script. NOT TRIED: see resources/install/README.md.
[Setup]
AppName=Osteoplan
AppVersion=0.1.0
AppId=Osteoplan
DefaultDirName={autopf}\Osteoplan
DefaultGroupName=Osteoplan
PrivilegesRequired=lowest
OutputBaseFilename=osteoplan-setup
Compression=lzma2
ChangesAssociations=yes

[Files]
Source: "{#Stage}\*"; DestDir: "{app}"; Flags: recursesubdirs

[Icons]
Name: "{group}\Osteoplan"; Filename: "{app}\python\pythonw.exe"; Parameters: "-m app"; WorkingDir: "{app}"

[Registry]
Root: HKA; Subkey: "Software\Classes\.osteoplan"; ValueType: string; ValueData: "Osteoplan.Plan"; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\Osteoplan.Plan\shell\open\command"; ValueType: string; ValueData: """{app}\python\pythonw.exe"" -m app open ""%1"""; Flags: uninsdeletekey

[Run]
Filename: "{app}\python\python.exe"; Parameters: "-m planning.ablation.ahead"; StatusMsg: "Compiling the simulator"; Flags: runhidden
